"""The verdict: which entry to use, which cannot be told apart from it, which did not learn, did pre-training pay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from headstart.statistics.analysis import FLIPPED, Analysis, Difference, EntrySummary, SizeTable
from headstart.statistics.forecast import Crossover, ExpectedScore, crossover, curves, expected
from headstart.statistics.power import Detectable, detectable, telling_pair
from headstart.statistics.slices import SliceScore, slices
from headstart.statistics.study import Study
from headstart.statistics.worth import LabelWorth, label_worth

MARGIN = 0.01  # of the best score: a gain that is surely below one point is not worth the trouble
Outcome = Literal["worth", "not_worth", "undecided", "none"]


@dataclass(frozen=True)
class Payoff:
    """Whether pre-training paid at one label count.

    outcome: `worth`: a pre-trained entry beats the best classical entry and its own network from random start, both by
    Holm over the pairs that are asked. `not_worth`: it is worse than one of the two, or the interval of every
    pre-trained entry that is asked about ends below +`MARGIN`. `undecided`: neither; `reason` says what is missing
    (`draws`, `test`, `few_draws`, `no_control`, `no_classical`). `none`: no pre-trained entry was compared.
    entry: the pre-trained entry. classical, control: its differences to the best classical entry and to its network
    from random start.
    """

    outcome: Outcome
    reason: str = ""
    entry: str | None = None
    classical: Difference | None = None
    control: Difference | None = None


@dataclass(frozen=True)
class SizeVerdict:
    """The verdict at one label count.

    best: the entry of the highest mean among those shown to learn, or None; with too few draws for a verdict
    (`few_draws`) merely the one that is ahead so far. low, high: the interval of its score, which allows for the choice
    of the best of `compared` entries on these test rows. peers: entries that cannot be told apart from the best one.
    cheaper: the quickest of the peers within `MARGIN` of the best one, where it needs less than half of its time.
    unlearned: entries that did not learn. unshown: other entries that were not shown to be better than guessing. plan:
    what could have been found between the entries that decide whether pre-training paid, and what more draws or test
    rows would add. labels: worth in labels. clean, contaminated: the best entry on test rows without and with copies in
    the training data, where the audit found some.
    """

    size: int
    best: str | None
    peers: tuple[str, ...]
    cheaper: str | None
    unlearned: tuple[str, ...]
    unshown: tuple[str, ...]
    worth: Payoff
    plan: Detectable | None = None
    labels: LabelWorth | None = None
    clean: SliceScore | None = None
    contaminated: SliceScore | None = None
    low: float = float("nan")
    high: float = float("nan")
    compared: int = 0
    few_draws: bool = False


@dataclass(frozen=True)
class Outlook:
    """What is expected of the best entries at `labels` labels, more than were tried, and where two of them meet."""

    labels: int
    entries: tuple[ExpectedScore, ...]
    crossover: Crossover | None


def decide(study: Study, analysis: Analysis) -> tuple[SizeVerdict, ...]:
    """Return one verdict per label count that has finished cells."""
    return tuple(
        _more(study, analysis, _decide(table, judge_payoff(study, table))) for table in analysis.tables.values()
    )


def _more(study: Study, analysis: Analysis, verdict: SizeVerdict) -> SizeVerdict:
    """Return the verdict with plan, worth in labels, and the best entry's scores on clean and contaminated rows."""
    worth, rows, table = verdict.worth, study.test_rows, analysis.tables[verdict.size]
    pair = telling_pair(table)
    if worth.outcome == "undecided":
        pair = worth.control if worth.classical and worth.classical.claim == "better" else worth.classical
    found = slices(study)
    parts = [found.score(verdict.best, verdict.size, name) for name in ("clean", "contaminated") if verdict.best]
    clean, contaminated = parts if len(parts) == 2 else (None, None)
    if verdict.best:
        best = table.entries[verdict.best]
        verdict = replace(verdict, low=best.low, high=best.high, compared=len(table.judged))
    return replace(
        verdict,
        plan=detectable(analysis, verdict.size, pair, rows, MARGIN * analysis.unit) if pair else None,
        labels=label_worth(analysis, verdict.size, study.overlaps, rows),
        clean=clean,
        contaminated=contaminated,
    )


def outlook(study: Study, analysis: Analysis) -> Outlook | None:
    """Return what twice the most labels would bring; None with fewer than three label counts or draws."""
    if not analysis.tables:
        return None
    table = analysis.tables[max(analysis.tables)]
    best = [one.entry for one in (table.best(), table.best("classical"), table.best("pretrained")) if one]
    shown = [name for name in dict.fromkeys(best) if table.entries[name].learned]
    found = {name: fitted for name in shown if (fitted := curves(analysis, name, study.overlaps))}
    if not found:
        return None
    names, labels = list(found), 2 * table.size
    ahead = tuple(expected(fitted, name, labels) for name, fitted in found.items())
    return Outlook(labels, ahead, crossover(analysis, *names[-2:], study.overlaps) if len(names) > 1 else None)


def _decide(table: SizeTable, worth: Payoff) -> SizeVerdict:
    failed = [entry for entry in table.judged if table.failed(entry)]
    shown = [entry for entry in table.judged if entry not in failed and (entry.learned or table.few_draws)]
    unlearned = tuple(entry.entry for entry in failed)
    unshown = tuple(entry.entry for entry in table.judged if entry not in shown and entry not in failed)
    best = table.leader
    if best is None:
        return SizeVerdict(table.size, None, (), None, unlearned, unshown, worth, few_draws=table.few_draws)
    others = [entry for entry in shown if entry is not best]
    peers = [peer for peer in others if not table.difference(best.entry, peer.entry).apart]
    near = [peer for peer in peers if not table.few_draws and peer.mean >= best.mean - MARGIN * table.unit]
    quick = min(near, key=lambda peer: peer.seconds, default=None)
    cheaper = quick.entry if quick and quick.seconds < best.seconds / 2 else None
    names = tuple(peer.entry for peer in peers)
    return SizeVerdict(table.size, best.entry, names, cheaper, unlearned, unshown, worth, few_draws=table.few_draws)


def judge_payoff(study: Study, table: SizeTable) -> Payoff:
    """Return whether pre-training paid at this label count; see `Payoff`."""
    bases = {facts.name: facts.base for facts in study.entries}
    pretrained = [entry for entry in table.entries.values() if entry.kind == "pretrained" and entry.paired]
    if study.questions:
        question = study.questions.get(table.size)
        pretrained = [entry for entry in pretrained if question and entry.entry == question.entry]
    if not pretrained:
        return Payoff("none")
    classical = table.best("classical")
    found = [_against(table, entry, classical, bases) for entry in pretrained]
    for one in found:
        if (
            one.classical
            and one.control
            and one.classical.claim == one.control.claim == "better"
            and _learned(table, one)
        ):
            return Payoff("worth", "", one.entry, one.classical, one.control)
    first = found[0]
    for name, leads in (("classical", [one.classical for one in found]), ("control", [one.control for one in found])):
        if all(lead and lead.draws >= FLIPPED and _no_gain(lead, table.unit) for lead in leads):
            return Payoff("not_worth", name, first.entry, first.classical, first.control)
    return Payoff("undecided", _missing(first), first.entry, first.classical, first.control)


def answered(study: Study, table: SizeTable) -> bool:
    """Whether the cells so far answer what is asked at a label count, so that it needs no further draw.

    Of pre-training: whether it paid is known. Of changes to a route: each is claimed to be better or worse, or its
    interval lies within `MARGIN` of no change.
    """
    question, kinds = study.questions.get(table.size), {one.name: one.kind for one in study.entries}
    if question is None:
        return False
    if kinds[question.entry] == "pretrained" and {kinds[name] for name in question.against} & {"classical", "control"}:
        return judge_payoff(study, table).outcome in ("worth", "not_worth")
    leads = [table.difference(name, question.entry) for name in question.against]
    return bool(leads) and all(lead and lead.draws >= FLIPPED and _settled(lead, table.unit) for lead in leads)


def _settled(lead: Difference, unit: float) -> bool:
    return lead.claim != "undecided" or max(-lead.low, lead.high) < MARGIN * unit


def _no_gain(lead: Difference, unit: float) -> bool:
    return lead.claim == "worse" or lead.high < MARGIN * unit


def _learned(table: SizeTable, worth: Payoff) -> bool:
    return table.entries[worth.entry].learned


def _against(
    table: SizeTable, entry: EntrySummary, classical: EntrySummary | None, bases: dict[str, str | None]
) -> Payoff:
    """Return the two differences that count for a pre-trained entry."""
    controls = [
        other.entry
        for other in table.entries.values()
        if other.kind == "control" and other.paired and bases[other.entry] == bases[entry.entry]
    ]
    lead = table.difference(entry.entry, classical.entry) if classical else None
    against_control = table.difference(entry.entry, controls[0]) if controls else None
    return Payoff("undecided", "", entry.entry, lead, against_control)


def _missing(worth: Payoff) -> str:
    """Return what is missing to decide the question, from the first of the two claims that was not made."""
    if worth.classical is None:
        return "no_classical"
    if worth.classical.draws < FLIPPED:
        return "few_draws"
    if worth.classical.claim == "better" and worth.control is None:
        return "no_control"
    open_one = worth.classical if worth.classical.claim != "better" or worth.control is None else worth.control
    return "draws" if open_one.from_draws >= 0.5 else "test"
