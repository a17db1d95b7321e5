"""The verdict: which row to use, what cannot be told apart from it, what did not learn, whether pre-training paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from headstart.evaluation.analysis import ALPHA, SLIGHT, Analysis, Difference, RowSummary, SizeTable
from headstart.evaluation.forecast import Crossover, Expected, crossover, curves, expected
from headstart.evaluation.power import Detectable, detectable, telling_pair
from headstart.evaluation.slices import SliceScore, slices
from headstart.evaluation.statistics import estimate
from headstart.evaluation.study import Study
from headstart.evaluation.words import counted, led, listed, number, percent, rounded, say, signed, spanned
from headstart.evaluation.worth import LabelWorth, label_worth

MARGIN = 0.01  # a gain that is surely below one point is not worth the trouble
Outcome = Literal["worth", "not_worth", "undecided", "none"]


@dataclass(frozen=True)
class Worth:
    """Whether pre-training paid at one label count.

    `worth`: a pre-trained row beats the best classical row and its own network from random start, both by Holm over all
    pairs. `not_worth`: it is worse than one of them, or every pre-trained row's interval ends below +`MARGIN`.
    `undecided`: neither; `reason` says what is missing (`draws`, `test`, `one_draw`, `no_control`, `no_classical`).
    `none`: no pre-trained row was compared. against: the differences to the best classical row and to the control.
    """

    outcome: Outcome
    reason: str = ""
    row: str | None = None
    classical: Difference | None = None
    control: Difference | None = None


@dataclass(frozen=True)
class SizeVerdict:
    """The verdict at one label count.

    best: highest mean of the rows shown to learn, or None. low, high: 95 % interval of its score that allows for its
    having been picked as the best of `compared` rows on these test rows (Bonferroni); an ordinary one would cover the
    truth in about 84 % of studies with 14 equal rows. peers: rows that cannot be told apart from it. cheaper: the
    quickest of these, where it needs less than half of the best row's time. unlearned: rows that did not learn.
    unshown: other rows that were not shown to be better than guessing. plan: what could have been found between the
    rows that decide whether pre-training paid, and what more draws or test rows would add. labels: worth in labels.
    clean, contaminated: the best row on test rows without and with copies elsewhere, where the audit found some.
    """

    size: int
    best: str | None
    peers: tuple[str, ...]
    cheaper: str | None
    unlearned: tuple[str, ...]
    unshown: tuple[str, ...]
    worth: Worth
    plan: Detectable | None = None
    labels: LabelWorth | None = None
    clean: SliceScore | None = None
    contaminated: SliceScore | None = None
    low: float = float("nan")
    high: float = float("nan")
    compared: int = 0


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of the best rows at `labels` labels, more than were tried, and where two of them meet."""

    labels: int
    rows: tuple[Expected, ...]
    crossover: Crossover | None


def decide(study: Study, analysis: Analysis) -> tuple[SizeVerdict, ...]:
    """Return one verdict per label count that has finished cells."""
    bases = {facts.name: facts.base for facts in study.rows}
    return tuple(_more(study, analysis, _decide(table, bases)) for table in analysis.tables.values())


def _more(study: Study, analysis: Analysis, verdict: SizeVerdict) -> SizeVerdict:
    """Return the verdict with its plan, its worth in labels and its scores on all, clean and contaminated rows."""
    worth, rows, table = verdict.worth, len(study.truth_N), analysis.tables[verdict.size]
    pair = telling_pair(table)
    if worth.outcome == "undecided":
        pair = worth.control if worth.classical and worth.classical.claim == "better" else worth.classical
    found = slices(study)
    parts = [found.score(verdict.best, verdict.size, name) for name in ("clean", "contaminated") if verdict.best]
    clean, contaminated = parts if len(parts) == 2 else (None, None)
    compared = sum(row.paired and row.kind != "majority" for row in table.rows.values())
    if verdict.best:
        own = estimate(analysis.stack(verdict.best, verdict.size, table.draws), table.overlap, rows)
        low, high = own.interval(ALPHA / compared)
        verdict = replace(verdict, low=low, high=high, compared=compared)
    return replace(
        verdict,
        plan=detectable(analysis, verdict.size, pair, rows, MARGIN) if pair else None,
        labels=label_worth(analysis, verdict.size, study.overlaps, rows),
        clean=clean,
        contaminated=contaminated,
    )


def outlook(study: Study, analysis: Analysis) -> Outlook | None:
    """Return what twice the most labels would bring; None with fewer than three label counts or two draws."""
    if not analysis.tables:
        return None
    table = analysis.tables[max(analysis.tables)]
    best = [row.row for row in (table.best(), table.best("classical"), table.best("pretrained")) if row]
    shown = [name for name in dict.fromkeys(best) if table.rows[name].learned]
    found = {name: fitted for name in shown if (fitted := curves(analysis, name, study.overlaps))}
    if not found:
        return None
    names, labels = list(found), 2 * table.size
    ahead = tuple(expected(fitted, name, labels) for name, fitted in found.items())
    return Outlook(labels, ahead, crossover(analysis, *names[-2:], study.overlaps) if len(names) > 1 else None)


def _decide(table: SizeTable, bases: dict[str, str | None]) -> SizeVerdict:
    judged = [row for row in table.rows.values() if row.kind != "majority" and row.paired]
    one_draw = len(table.draws) < 2  # nothing can be claimed, so that no row is called unlearned or unshown either
    shown = [row for row in judged if row.learned or one_draw]
    unlearned = tuple(row.row for row in judged if row.failed)
    unshown = tuple(row.row for row in judged if row not in shown and not row.failed)
    if not shown:
        return SizeVerdict(table.size, None, (), None, unlearned, unshown, judge_worth(table, bases))
    best, *others = shown
    peers = [row for row in others if table.difference(best.row, row.row).claim == "undecided"]
    quick = min(peers, key=lambda row: row.seconds, default=None)
    cheaper = quick.row if quick and quick.seconds < best.seconds / 2 else None
    names = tuple(row.row for row in peers)
    return SizeVerdict(table.size, best.row, names, cheaper, unlearned, unshown, judge_worth(table, bases))


def judge_worth(table: SizeTable, bases: dict[str, str | None]) -> Worth:
    """Return whether pre-training paid at this label count; see `Worth`. bases: base name of each row."""
    rows = [row for row in table.rows.values() if row.kind == "pretrained" and row.paired]
    if not rows:
        return Worth("none")
    classical = table.best("classical")
    found = [_against(table, row, classical, bases) for row in rows]
    for one in found:
        if (
            one.classical
            and one.control
            and one.classical.claim == one.control.claim == "better"
            and _learned(table, one)
        ):
            return Worth("worth", "", one.row, one.classical, one.control)
    first = found[0]
    for name in ("classical", "control"):
        leads = [getattr(one, name) for one in found]
        if all(lead and (lead.claim == "worse" or lead.high < MARGIN) for lead in leads):
            return Worth("not_worth", name, first.row, first.classical, first.control)
    return Worth("undecided", _missing(first), first.row, first.classical, first.control)


def _learned(table: SizeTable, worth: Worth) -> bool:
    return table.rows[worth.row].learned


def _against(table: SizeTable, row: RowSummary, classical: RowSummary | None, bases: dict[str, str | None]) -> Worth:
    """Return the two differences that count for a pre-trained row."""
    controls = [r for r in table.rows.values() if r.kind == "control" and r.paired and bases[r.row] == bases[row.row]]
    lead = table.difference(row.row, classical.row) if classical else None
    return Worth("undecided", "", row.row, lead, table.difference(row.row, controls[0].row) if controls else None)


def _missing(worth: Worth) -> str:
    """Return what would decide the question: the first of the two claims that was not made."""
    if worth.classical is None:
        return "no_classical"
    if worth.classical.draws < 2:
        return "one_draw"
    if worth.classical.claim == "better" and worth.control is None:
        return "no_control"
    open_one = worth.classical if worth.classical.claim != "better" or worth.control is None else worth.control
    return "draws" if open_one.from_draws >= 0.5 else "test"


def sentences(study: Study, analysis: Analysis, language: str = "en") -> list[str]:
    """Return the verdict: the headline first, then one paragraph per label count, then the outlook if there is one."""
    verdicts = decide(study, analysis)
    if not verdicts:
        return [say(language, "nothing_finished")]
    paragraphs = [size_text(one, analysis, language) for one in verdicts]
    ahead = outlook_text(outlook(study, analysis), language)
    return [headline(verdicts, language, study.facts), *paragraphs, *([ahead] if ahead else [])]


def headline(verdicts: tuple[SizeVerdict, ...], language: str, facts: Mapping[str, Any]) -> str:
    """Return one sentence on whether pre-training was worth it, over all label counts of the study.

    facts: of the study. Without an audit there is no headline; where it was waived, the headline says so.
    """
    audit = facts.get("audit") or {"skipped": True}
    if "skipped" in audit:
        return say(language, "not_audited")
    parts = []
    for outcome in ("worth", "not_worth", "undecided"):
        sizes = [one.size for one in verdicts if one.worth.outcome == outcome]
        if sizes:
            parts.append(say(language, f"headline_{outcome}", labels=counted(language, sizes)))
    told = " ".join(parts) if parts else say(language, "headline_none")
    return f"{told} {say(language, 'audit_waived')}" if audit.get("waived") else told


def size_text(verdict: SizeVerdict, analysis: Analysis, language: str) -> str:
    """Return the paragraph for one label count."""
    table = analysis.tables[verdict.size]
    parts = []
    if verdict.best is None:
        parts.append(say(language, "no_row_shown"))
    else:
        row = table.rows[verdict.best]
        score = spanned(row.mean, verdict.low, verdict.high)
        if verdict.compared > 1 and len(table.draws) > 1:
            score += say(language, "picked", count=verdict.compared)
        parts.append(say(language, "use", row=verdict.best, score=score))
        parts += _clean_text(verdict, language)
        if verdict.peers:
            parts.append(say(language, "peers", rows=listed(verdict.peers)))
        if verdict.cheaper:
            share = table.rows[verdict.cheaper].seconds / row.seconds
            parts.append(say(language, "cheaper", row=verdict.cheaper, share=percent(share)))
        if verdict.unshown:
            parts.append(say(language, "unshown", rows=listed(verdict.unshown)))
    if verdict.unlearned:
        parts.append(say(language, "unlearned", rows=listed(verdict.unlearned), slight=signed(SLIGHT)))
    if verdict.size < analysis.classes:
        parts.append(say(language, "few_labels", size=verdict.size, classes=analysis.classes))
    parts += _worth_text(verdict.worth, language)
    if verdict.worth.outcome == "undecided" and verdict.plan:
        parts += _plan_text(verdict.plan, language)
    if verdict.labels and table.rows[verdict.labels.row].learned:
        parts.append(_labels_text(verdict.labels, language))
    return " ".join(parts)


def _clean_text(verdict: SizeVerdict, language: str) -> list[str]:
    """Return the score on rows without copies, where there are rows with copies."""
    if verdict.clean is None or verdict.contaminated is None:
        return []
    scores = [spanned(one.mean, one.low, one.high) for one in _parts(verdict)]
    rows = [f"{one.rows:,}" for one in _parts(verdict)]
    return [say(language, "clean", rows=rows[0], score=scores[0], others=rows[1], other=scores[1])]


def _parts(verdict: SizeVerdict) -> tuple[SliceScore, SliceScore]:
    return verdict.clean, verdict.contaminated


def _plan_text(plan: Detectable, language: str) -> list[str]:
    """Return what could have been found, and what would find a difference worth having."""
    out = [say(language, "detectable", row=plan.first, other=plan.second, value=number(plan.value))]
    wanted = number(plan.wanted)
    if plan.more_draws:
        out.append(say(language, "more_draws", draws=plan.more_draws, wanted=wanted))
    if plan.more_rows:
        out.append(say(language, "more_rows", rows=f"{plan.more_rows:,}", wanted=wanted))
    if plan.more_draws is None and plan.more_rows is None:
        out.append(say(language, "more_nothing", wanted=wanted))
    return out


def _labels_text(worth: LabelWorth, language: str) -> str:
    """Return the worth in labels; what lies outside of the measured range is said to."""
    fewest, most = (f"{end:,}" for end in worth.measured)
    below, above = say(language, "labels_below", labels=fewest), say(language, "labels_above", labels=most)
    value = {"below": below, "above": above}.get(worth.side) or say(
        language, "labels_about", labels=rounded(worth.value)
    )
    low = below if worth.low is None else rounded(worth.low)
    high = above if worth.high is None else rounded(worth.high)
    if worth.side == "above" and worth.low == worth.measured[1]:
        return say(language, "labels_surely", row=worth.row, size=f"{worth.size:,}", value=above)
    if worth.side == "below" and worth.high == worth.measured[0]:
        return say(language, "labels_surely", row=worth.row, size=f"{worth.size:,}", value=below)
    return say(language, "labels_worth", row=worth.row, size=f"{worth.size:,}", value=value, low=low, high=high)


def outlook_text(found: Outlook | None, language: str) -> str:
    """Return what is expected at more labels, or nothing."""
    if found is None:
        return ""
    told = [f"{one.row} {spanned(one.value, one.low, one.high)}" for one in found.rows]
    parts = [say(language, "outlook", labels=counted(language, [found.labels]), rows="; ".join(told))]
    if meet := found.crossover:
        names = {"first": meet.first, "second": meet.second, "limit": f"{meet.limit:,}"}
        if meet.value is None:
            parts.append(say(language, "crossover_none", chance=percent(meet.chance), **names))
        else:
            high = say(language, "labels_above", labels=f"{meet.limit:,}") if meet.high is None else rounded(meet.high)
            span = {"value": rounded(meet.value), "low": rounded(meet.low), "high": high}
            parts.append(say(language, "crossover", **names, **span))
    return " ".join(parts)


def _worth_text(worth: Worth, language: str) -> list[str]:
    if worth.outcome == "none":
        return []
    out = [say(language, f"size_{worth.outcome}")]
    for name in ("classical", "control"):
        lead: Difference | None = getattr(worth, name)
        if lead:
            span = led(lead.value, lead.low, lead.high)
            wins = f"{lead.wins}/{lead.draws}"
            out.append(say(language, f"against_{name}", row=lead.first, other=lead.second, lead=span, wins=wins))
    if worth.reason:
        out.append(say(language, f"because_{worth.reason}", margin=signed(MARGIN)))
    return out
