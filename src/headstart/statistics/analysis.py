"""From finished cells to judged tables: which entries learned, and how every two entries differ, with error control.

Two families of claims, each by Holm at 5 %:
- *learned*: over all entries and all label counts of the study, so that under shuffled labels the chance of even one
  false "learned" in the whole report is at most 5 %. An entry learned when it beats both the best constant answer on
  these test rows (where there are no classes, `MetricSpec.constant`, if there is one) and its own answers dealt out at
  random. From 5 draws on it must also pass `sign_flips`, which assumes no shape of the scores' distribution.
- *differs*: over all pairs of entries at all label counts, so that the chance of even one false "better" in the whole
  report is at most 5 %. As every pair is in the family, picking the best entry (or the best classical entry) after
  looking does not invalidate the claim: no winner's curse in what is claimed. From 6 draws on a pair must also pass the
  two-sided `sign_flips`.

Fewer draws could never pass the flips. There, the draws of an entry or pair are taken to spread at least as much as the
draws of the median entry or pair, so that a few draws that agree by chance prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from typing import Any, Literal

import numpy as np

from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.intervals import FIXED, Estimate, Variance, estimate
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

    scores: by common draw. low, high: 95 % interval of the mean (NaN with one draw). gain: lead over the harder of
    'best constant answer' and 'own answers at random'. gain_high: upper end of the unadjusted 95 % interval of the gain
    (NaN with one draw). p_learned: Holm-adjusted p-value of the gain over the study. seconds: median of training plus
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
    give.
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

    unit: the best value of the metric.
    """

    size: int
    draws: tuple[int, ...]
    overlap: float
    entries: dict[str, EntrySummary]
    pairs: dict[tuple[str, str], Difference] = field(default_factory=dict)
    unit: float = 1.0

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

    tables: by label count. classes: number of classes, 0 where the answers are no classes. constant: score of the best
    constant answer on the test rows, NaN where none does better than dealt answers; constant_answer: that answer as
    a reader sees it. limits: worst and best value of the metric. evidence: values by block of each cell, float [G], by
    (entry, label count, draw).
    """

    tables: dict[int, SizeTable]
    classes: int
    constant: float
    constant_answer: str
    limits: tuple[float, float] = (0.0, 1.0)
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
    built, p_values, leads = {}, {}, {}
    for size in study.sizes:
        draws = common_draws(study, size)
        if not draws:
            continue
        over = {"overlap": study.overlaps[size], "rows": study.test_rows, "unit": study.best_score}
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
            summaries[facts.name] = _summary(facts, own, estimate(own, **over), gain, seconds, used is draws)
        p_values |= {(name, size): p for name, p in _above_guessing(over_guessing, over).items()}
        ordered = dict(sorted(summaries.items(), key=lambda item: -item[1].mean))
        built[size] = SizeTable(size, draws, study.overlaps[size], ordered, unit=study.best_score)
    _call_learned(built, p_values, leads)
    judged = _compare(built, values, study.test_rows)
    score = float("nan") if constant is None else float(constant.mean())
    return Analysis(judged, len(study.classes), score, answer, study.metric.limits, values)


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
    few = [name for name, own in leads.items() if 1 < len(own[0]) < FLIPPED_UP]
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


def _compare(
    built: Mapping[int, SizeTable], values: Mapping[tuple[str, int, int], np.ndarray], rows: int
) -> dict[int, SizeTable]:
    """Return the tables with the family *differs* judged: all pairs of compared entries but majority."""
    found = [pair for table in built.values() for pair in _estimates(table, values, rows)]
    adjusted, levels = holm([one.p_differs() for *_, one, _ in found], ALPHA)
    by_flips = flipped([lead for _, _, lead, *_ in found], FLIPPED, two_sided=True)
    judged: dict[int, dict[tuple[str, str], Difference]] = {size: {} for size in built}
    for (size, pair, lead, one, plain), p_holm, p_flip, level in zip(found, adjusted, by_flips, levels):
        low, high = one.interval(level)
        if p_flip > ALPHA:
            low, high = min(low, 0.0), max(high, 0.0)
        counts = (sum(one > 0 for one in lead.values()), sum(one < 0 for one in lead.values()), len(lead))
        spans = (low, high, *plain.interval(ALPHA))
        p_values = (one.p_differs(), max(float(p_holm), float(p_flip)))
        more = (one.from_draws, float(level), one.variance)
        judged[size][pair] = Difference(*pair, one.value, *spans, *p_values, *counts, *more)
    return {size: replace(table, pairs=judged[size]) for size, table in built.items()}


def _estimates(
    table: SizeTable, values: Mapping[tuple[str, int, int], np.ndarray], rows: int
) -> list[tuple[int, tuple[str, str], dict[int, float], Estimate, Estimate]]:
    """Return (label count, pair, lead by draw, estimate to test, plain estimate) of all compared pairs of a table."""
    names = [entry.entry for entry in table.entries.values() if entry.paired and entry.kind != "majority"]
    stacks = {name: np.stack([values[name, table.size, number] for number in table.draws]) for name in names}
    leads = {(one, two): stacks[one] - stacks[two] for one, two in combinations(names, 2)}
    plain = {pair: estimate(lead, table.overlap, rows, unit=table.unit) for pair, lead in leads.items()}
    tested = plain
    if 1 < len(table.draws) < FLIPPED:
        least = float(np.median([one.variance.draw for one in plain.values()])) if plain else 0.0
        tested = {pair: estimate(lead, table.overlap, rows, least, table.unit) for pair, lead in leads.items()}
    by_draw = {pair: dict(zip(table.draws, map(float, lead.mean(1)))) for pair, lead in leads.items()}
    return [(table.size, pair, by_draw[pair], tested[pair], plain[pair]) for pair in leads]
