"""The verdict: which row to use, what cannot be told apart from it, what did not learn, whether pre-training paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headstart.evaluation.analysis import SLIGHT, Analysis, Difference, RowSummary, SizeTable
from headstart.evaluation.study import Study
from headstart.evaluation.words import counted, listed, number, percent, say, signed

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

    best: highest mean of the rows shown to learn, or None. peers: rows that cannot be told apart from it. cheaper: the
    quickest of these, where it needs less than half of the best row's time. unlearned: rows that did not learn.
    unshown: other rows that were not shown to be better than guessing.
    """

    size: int
    best: str | None
    peers: tuple[str, ...]
    cheaper: str | None
    unlearned: tuple[str, ...]
    unshown: tuple[str, ...]
    worth: Worth


def decide(study: Study, analysis: Analysis) -> tuple[SizeVerdict, ...]:
    """Return one verdict per label count that has finished cells."""
    bases = {facts.name: facts.base for facts in study.rows}
    return tuple(_decide(table, bases) for table in analysis.tables.values())


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
    """Return the verdict: the headline first, then one paragraph per label count."""
    verdicts = decide(study, analysis)
    if not verdicts:
        return [say(language, "nothing_finished")]
    return [headline(verdicts, language)] + [size_text(one, analysis, language) for one in verdicts]


def headline(verdicts: tuple[SizeVerdict, ...], language: str) -> str:
    """Return one sentence on whether pre-training was worth it, over all label counts of the study."""
    parts = []
    for outcome in ("worth", "not_worth", "undecided"):
        sizes = [one.size for one in verdicts if one.worth.outcome == outcome]
        if sizes:
            parts.append(say(language, f"headline_{outcome}", labels=counted(language, sizes)))
    return " ".join(parts) if parts else say(language, "headline_none")


def size_text(verdict: SizeVerdict, analysis: Analysis, language: str) -> str:
    """Return the paragraph for one label count."""
    table = analysis.tables[verdict.size]
    parts = []
    if verdict.best is None:
        parts.append(say(language, "no_row_shown"))
    else:
        row = table.rows[verdict.best]
        span = f"{number(row.mean)} [{number(row.low)}, {number(row.high)}]"
        parts.append(say(language, "use", row=verdict.best, score=span))
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
    return " ".join(parts)


def _worth_text(worth: Worth, language: str) -> list[str]:
    if worth.outcome == "none":
        return []
    out = [say(language, f"size_{worth.outcome}")]
    for name in ("classical", "control"):
        lead: Difference | None = getattr(worth, name)
        if lead:
            span = f"{signed(lead.value)} [{signed(lead.low)}, {signed(lead.high)}]"
            wins = f"{lead.wins}/{lead.draws}"
            out.append(say(language, f"against_{name}", row=lead.first, other=lead.second, lead=span, wins=wins))
    if worth.reason:
        out.append(say(language, f"because_{worth.reason}", margin=signed(MARGIN)))
    return out
