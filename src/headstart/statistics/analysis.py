"""From finished cells to judged tables: which entries learned, and how every two entries differ, with error control.

Two families of claims, each by Holm at 5 %:
- *learned*: over all entries and all label counts of the study, so that under shuffled labels the chance of even one
  false "learned" in the whole report is at most 5 %. An entry learned when it beats both the best constant answer on
  these test rows (where there are no classes, `MetricSpec.constant`, if there is one) and its own answers dealt out at
  random. From 5 draws on it must also pass `sign_flips`, which assumes no shape of the scores' distribution.
- *differs*: over the pairs that `Study.questions` name, which were fixed before a test row was seen. All other pairs
  get plain intervals and no claim. Without questions, over all pairs at all label counts: as every pair is in the
  family, picking the best entry (or the best classical entry) after looking does not invalidate the claim. Either way
  the chance of even one false "better" in the whole report is at most 5 %. Where the study was looked at more than
  once, p-values are divided by the look's share of the 5 % (`Study.levels`). A pair must also pass the two-sided
  `sign_flips`, which no fewer than 6 draws can: fewer decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal

import numpy as np

from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.intervals import FIXED, SPREAD, Bounds, Estimate, Variance, estimate
from headstart.statistics.paired_tests import flipped, holm
from headstart.statistics.study import Cell, Study

ALPHA = 0.05
FLIPPED_UP = 5  # draws from which one-sided sign flips can claim anything: 1 of 2^5 patterns is below 5 %
FLIPPED = 6  # draws from which two-sided sign flips can claim anything: 2 of 2^6 patterns are below 5 %
SLIGHT = 0.02  # of the best score: an entry surely less than that ahead of guessing did not learn
Claim = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class EntrySummary:
    """One entry at one label count.

    scores: by common draw. low, high: 95 % interval of the mean, the one that is shown wherever the score is (NaN with
    fewer than 3 draws); of the best entry it allows for being picked, see `Analysis`. gain: lead over the harder of
    'best constant answer' and 'own answers at random'. gain_high: upper end of the unadjusted 95 % interval of the gain
    (NaN like low). p_learned: Holm-adjusted p-value of the gain over the study. seconds: median of training plus
    testing (the first draw may hold costs that are paid once). paired: False when the entry lacks common draws and
    takes part in no comparison. from_draws: see `Estimate`.
    """

    entry: str
    kind: str
    scores: tuple[float, ...]
    mean: float
    sd: float
    low: float
    high: float
    from_draws: float
    gain: float
    gain_high: float
    seconds: float
    paired: bool
    p_learned: float = 1.0

    @property
    def learned(self) -> bool:
        """Whether the report may call the entry better than guessing."""
        return self.p_learned <= ALPHA


@dataclass(frozen=True)
class Difference:
    """First minus second entry on the same draws and test rows.

    low, high: interval at `level`, the level at which Holm tested the pair, extended to zero where `sign_flips` forbids
    a claim; it excludes zero exactly where `claim` is made. unadjusted_low, unadjusted_high: 95 % interval of this pair
    alone. wins, losses: draws in which the first entry is ahead, behind. variance: what other draws and test rows would
    give. asked: whether the pair is in the family; if not, low and high are the plain interval and nothing is claimed.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    unadjusted_low: float
    unadjusted_high: float
    p: float
    p_holm: float
    wins: int
    losses: int
    draws: int
    from_draws: float
    level: float = ALPHA
    variance: Variance | None = None
    asked: bool = True

    @property
    def apart(self) -> bool:
        """Whether the two can be told apart: by the claim, for a pair that was not asked by its plain interval."""
        if self.asked:
            return self.claim != "undecided"
        return self.unadjusted_low > 0 or self.unadjusted_high < 0

    @property
    def claim(self) -> Claim:
        """`better` or `worse` (first against second) when Holm allows it, else `undecided`."""
        if self.p_holm > ALPHA:
            return "undecided"
        return "better" if self.value > 0 else "worse"

    def turned(self) -> Difference:
        """Return second minus first."""
        turned = {"first": self.second, "second": self.first, "value": -self.value, "low": -self.high}
        turned |= {"high": -self.low, "unadjusted_low": -self.unadjusted_high, "unadjusted_high": -self.unadjusted_low}
        return replace(self, **turned, wins=self.losses, losses=self.wins)


@dataclass(frozen=True)
class SizeTable:
    """All entries at one label count: entries by name, best mean first; pairs by (first, second), see `difference`.

    limits: the worst and the best value of the metric.
    """

    size: int
    draws: tuple[int, ...]
    overlap: float
    entries: dict[str, EntrySummary]
    limits: tuple[float, float]
    pairs: dict[tuple[str, str], Difference] = field(default_factory=dict)

    @property
    def unit(self) -> float:
        """The best value of the metric: the unit in which scores and their differences are large or small."""
        return self.limits[1]

    @property
    def judged(self) -> list[EntrySummary]:
        """The compared entries but majority, best mean first."""
        return [entry for entry in self.entries.values() if entry.kind != "majority" and entry.paired]

    @property
    def few_draws(self) -> bool:
        """Whether there are too few draws for any verdict; then no entry is called better or worse than anything."""
        return len(self.draws) < FLIPPED

    @property
    def leader(self) -> EntrySummary | None:
        """The compared entry of the highest mean among those shown to learn; with few draws among all not failed."""
        return next((one for one in self.judged if one.learned or (self.few_draws and not self.failed(one))), None)

    @property
    def fixed_pool(self) -> bool:
        """Whether all draws are the same labelled rows, so that intervals hold for this labelled pool only."""
        return self.overlap >= FIXED

    def failed(self, entry: EntrySummary) -> bool:
        """Whether the report may say that the entry did not learn: its gain is surely below `SLIGHT`."""
        return not entry.learned and entry.gain_high < SLIGHT * self.unit

    def difference(self, first: str, second: str) -> Difference | None:
        """Return first minus second, or None when the two were not compared."""
        if (first, second) in self.pairs:
            return self.pairs[first, second]
        found = self.pairs.get((second, first))
        return found.turned() if found else None

    def best(self, *kinds: str) -> EntrySummary | None:
        """Return the compared entry with the highest mean among `kinds` (all but majority when none is given)."""
        kinds = kinds or ("classical", "control", "pretrained")
        return next((entry for entry in self.entries.values() if entry.kind in kinds and entry.paired), None)


@dataclass(frozen=True)
class Analysis:
    """The judged study.

    The interval of the leader of a label count allows for being picked as the best of all compared entries on these
    test rows (Bonferroni); an ordinary one would cover the truth in about 84 % of studies with 14 equal entries.

    tables: by label count. classes: number of classes, 0 where the answers are no classes. constant: score of the best
    constant answer on the test rows, NaN where none does better than dealt answers; constant_answer: that answer as
    a reader sees it. limits: worst and best value of the metric. evidence: values by block of each cell, float [G], by
    (entry, label count, draw).
    """

    tables: dict[int, SizeTable]
    classes: int
    constant: float
    constant_answer: str
    limits: tuple[float, float]
    evidence: Mapping[tuple[str, int, int], np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def unit(self) -> float:
        """The best value of the metric: the unit in which scores and their differences are large or small."""
        return self.limits[1]

    def stack(self, entry: str, size: int, draws: Sequence[int]) -> np.ndarray:
        """Return the evidence of an entry at a label count, [D, G]."""
        return np.stack([self.evidence[entry, size, number] for number in draws])


@lru_cache(maxsize=2)
def analyse(study: Study) -> Analysis:
    """Judge all finished cells of a study; label counts without a finished cell are left out."""
    judge = Evidence(study.metric, study.truth, TestBlocks.make(study.test_rows, study.groups))
    values = {(cell.entry, cell.size, cell.draw): _values(study, judge, cell) for cell in study.cells}
    answer, constant = best_constant(study, judge)
    built, p_values, leads, own_scores = {}, {}, {}, {}
    limits = study.metric.limits
    for size in study.sizes:
        draws = common_draws(study, size)
        if not draws:
            continue
        over = {"overlap": study.overlaps[size], "rows": study.test_rows, "bounds": Bounds.of_difference(limits)}
        summaries, over_guessing = {}, {}
        for facts in study.entries:
            cells = study.cells_of(facts.name, size)
            if not cells:
                continue
            used = draws if set(draws) <= set(cells) else tuple(sorted(cells))
            own = np.stack([values[facts.name, size, number] for number in used])
            chance = np.stack([_chance(study, judge, cells[number]) for number in used])
            over_guesses = (own - chance,) if constant is None else (own - constant, own - chance)
            gain = min((estimate(lead, **over) for lead in over_guesses), key=lambda test: test.value)
            if facts.kind != "majority":
                over_guessing[facts.name] = over_guesses
                leads[facts.name, size] = dict(zip(used, min(over_guesses, key=np.mean).mean(1)))
            seconds = float(np.median([cells[number].seconds for number in used]))
            found = own_scores[facts.name, size] = estimate(own, **over | {"bounds": Bounds.of_score(limits)})
            summaries[facts.name] = _summary(facts, own, found, gain, seconds, used is draws)
        p_values |= {(name, size): p for name, p in _above_guessing(over_guessing, over).items()}
        ordered = dict(sorted(summaries.items(), key=lambda item: -item[1].mean))
        built[size] = SizeTable(size, draws, study.overlaps[size], ordered, limits)
    _call_learned(built, p_values, leads)
    _allow_for_picking(built, own_scores)
    judged = _compare(built, values, study)
    score = float("nan") if constant is None else float(constant.mean())
    return Analysis(judged, len(study.classes), score, answer, limits, values)


def best_constant(study: Study, judge: Evidence) -> tuple[str, np.ndarray | None]:
    """Return the constant answer that does best on the test rows, with its values [G]; None where there is none."""
    if study.classes:
        found = [judge.constant(number) for number in range(len(study.classes))]
        best = int(np.argmax([values.mean() for values in found]))
        return study.classes[best], found[best]
    answer = study.metric.constant(study.truth)
    return ("", None) if answer is None else (study.metric.shown(answer), judge.constant(answer))


def told_by(study: Study, judge: Evidence, cell: Cell) -> np.ndarray | Sequence[Any]:
    """Return what a cell's answers tell of each test row, see `Evidence.told`; slices take it apart."""
    return study.remembered("told", cell, lambda: judge.told(cell.predicted))


def _values(study: Study, judge: Evidence, cell: Cell) -> np.ndarray:
    return study.remembered("values", cell, lambda: judge.of_told(told_by(study, judge, cell)))


def _chance(study: Study, judge: Evidence, cell: Cell) -> np.ndarray:
    return study.remembered("chance", cell, lambda: judge.chance(cell.predicted))


def _above_guessing(leads: Mapping[str, Sequence[np.ndarray]], over: Mapping[str, float]) -> dict[str, float]:
    """Return by entry the largest p-value of its leads over guesses (a constant answer, chance), each [D, G].

    With fewer draws than `sign_flips` can judge, the draws of an entry are taken to spread at least as much as the
    draws of the median entry.
    """
    found = {name: [estimate(lead, **over) for lead in own] for name, own in leads.items()}
    few = [name for name, own in leads.items() if SPREAD <= len(own[0]) < FLIPPED_UP]
    for name in few:
        peers = [tests for other, tests in found.items() if other in few]
        least = [float(np.median([test.variance.draw for test in tests])) for tests in zip(*peers)]
        tests = [estimate(lead, **over, least=floor) for lead, floor in zip(leads[name], least)]
        found[name] = [*found[name], *tests]
    return {name: max(test.p_above() for test in tests) for name, tests in found.items()}


def common_draws(study: Study, size: int) -> tuple[int, ...]:
    """Return the draws that every compared entry finished; an entry two or more draws behind is not compared."""
    done = {facts.name: set(study.cells_of(facts.name, size)) for facts in study.entries}
    most = max(map(len, done.values()))
    kept = [draws for draws in done.values() if draws and len(draws) >= most - 1]
    return tuple(sorted(set.intersection(*kept))) if kept else ()


def _summary(facts, own_DG: np.ndarray, found: Estimate, gain: Estimate, seconds: float, paired: bool) -> EntrySummary:
    scores = own_DG.mean(1)
    sd = float(scores.std(ddof=1)) if len(scores) > 1 else float("nan")
    low, high = found.interval(ALPHA)
    return EntrySummary(
        entry=facts.name,
        kind=facts.kind,
        scores=tuple(map(float, scores)),
        mean=found.value,
        sd=sd,
        low=low,
        high=high,
        from_draws=found.from_draws,
        gain=gain.value,
        gain_high=gain.interval(ALPHA)[1],
        seconds=seconds,
        paired=paired,
    )


def _call_learned(
    built: dict[int, SizeTable],
    p_values: Mapping[tuple[str, int], float],
    leads: Mapping[tuple[str, int], Mapping[int, float]],
) -> None:
    """Put the adjusted p-values of the family *learned* into the tables: Holm's, or `sign_flips`' where larger."""
    adjusted, _ = holm(list(p_values.values()))
    adjusted = np.maximum(adjusted, flipped(list(leads.values()), FLIPPED_UP))
    for (name, size), p in zip(p_values, adjusted):
        summary = built[size].entries[name]
        built[size].entries[name] = replace(summary, p_learned=float(p))


def _allow_for_picking(built: dict[int, SizeTable], scores: Mapping[tuple[str, int], Estimate]) -> None:
    """Widen the interval of each label count's leader, see `Analysis`."""
    for size, table in built.items():
        if leader := table.leader:
            low, high = scores[leader.entry, size].interval(ALPHA / len(table.judged))
            table.entries[leader.entry] = replace(leader, low=low, high=high)


def _compare(
    built: Mapping[int, SizeTable], values: Mapping[tuple[str, int, int], np.ndarray], study: Study
) -> dict[int, SizeTable]:
    """Return the tables with the family *differs* judged: the pairs asked, else all pairs of entries but majority."""
    found = [pair for table in built.values() for pair in _estimates(table, values, study.test_rows)]
    asked = [number for number, pair in enumerate(found) if _is_asked(study, pair)]
    # What a look may use of the 5 %: its p-values grow, and the levels of its intervals shrink, by the same factor.
    times_P = np.array([ALPHA / study.levels.get(found[number].size, ALPHA) for number in asked])
    by_flips = flipped([found[number].lead for number in asked], FLIPPED, two_sided=True)
    raw_P = np.array([found[number].tested.p_differs() for number in asked])
    few_P = np.array([len(found[number].lead) < FLIPPED for number in asked], bool)
    adjusted, levels = holm(np.where(few_P, 1.0, times_P * raw_P), ALPHA)
    by_flips = np.where(few_P, 1.0, np.minimum(times_P * by_flips, 1.0))
    judged: dict[int, dict[tuple[str, str], Difference]] = {size: {} for size in built}
    for place, number in enumerate(asked):
        pair, level = found[number], float(levels[place] / times_P[place])
        low, high = pair.tested.interval(level)
        if by_flips[place] > ALPHA:
            low, high = min(low, 0.0), max(high, 0.0)
        p = max(float(adjusted[place]), float(by_flips[place]))
        judged[pair.size][pair.names] = pair.difference(low, high, p, level)
    for pair in found:
        if pair.names not in judged[pair.size]:
            low, high = pair.tested.interval(ALPHA)
            judged[pair.size][pair.names] = replace(pair.difference(low, high, 1.0, ALPHA), asked=False)
    return {size: replace(table, pairs=judged[size]) for size, table in built.items()}


def _is_asked(study: Study, pair: _Pair) -> bool:
    """Whether a pair is in the family: all are where there are no questions."""
    if not study.questions:
        return True
    question = study.questions.get(pair.size)
    one, two = pair.names
    if question is None or question.entry not in (one, two):
        return False
    return (two if one == question.entry else one) in question.against


@dataclass(frozen=True)
class _Pair:
    """Two entries at a label count: names; lead by draw; the estimate of the lead."""

    size: int
    names: tuple[str, str]
    lead: dict[int, float]
    tested: Estimate

    def difference(self, low: float, high: float, p: float, level: float) -> Difference:
        """Return what is said of the pair."""
        one, leads = self.tested, self.lead.values()
        counts = (sum(lead > 0 for lead in leads), sum(lead < 0 for lead in leads), len(leads))
        spans = (low, high, *one.interval(ALPHA))
        return Difference(
            *self.names, one.value, *spans, one.p_differs(), p, *counts, one.from_draws, level, one.variance
        )


def _estimates(table: SizeTable, values: Mapping[tuple[str, int, int], np.ndarray], rows: int) -> list[_Pair]:
    """Return all compared pairs of a table."""
    names, bounds = [entry.entry for entry in table.judged], Bounds.of_difference(table.limits)
    stacks = {name: np.stack([values[name, table.size, number] for number in table.draws]) for name in names}
    found = []
    for one, two in combinations(names, 2):
        lead_DG = stacks[one] - stacks[two]
        by_draw = dict(zip(table.draws, map(float, lead_DG.mean(1))))
        found.append(_Pair(table.size, (one, two), by_draw, estimate(lead_DG, table.overlap, rows, bounds=bounds)))
    return found
