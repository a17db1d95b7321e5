"""From finished cells to judged tables: which rows learned, and how every two rows differ, with error control.

Two families of claims, each by Holm at 5 %:
- *learned*: over all rows and all label counts of the study, so that under shuffled labels the chance of even one false
  "learned" in the whole report is at most 5 %. A row learned when it beats both the best constant answer on these test
  rows and its own answers dealt out at random. From 5 draws on it must also pass `sign_flips`, which assumes no shape
  of the scores' distribution.
- *differs*: over all pairs of rows at all label counts, so that the chance of even one false "better" in the whole
  report is at most 5 %. As every pair is in the family, picking the best row (or the best classical one) after looking
  does not invalidate the claim: no winner's curse in what is claimed. From 6 draws on a pair must also pass the
  two-sided `sign_flips`.

With fewer draws, which could never pass the flips, the draws of a row or pair are taken to spread at least as much as
those of the median one, so that a few draws that agree by chance prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np

from headstart.evaluation.blocks import Evidence, TestBlocks
from headstart.evaluation.statistics import FIXED, Estimate, Variance, estimate, flipped, holm
from headstart.evaluation.study import Study

ALPHA = 0.05
FLIPPED_UP = 5  # draws from which one-sided sign flips can claim anything: 1 of 2^5 patterns is below 5 %
FLIPPED = 6  # draws from which two-sided sign flips can claim anything: 2 of 2^6 patterns are below 5 %
SLIGHT = 0.02  # who is surely less than two points ahead of guessing did not learn; less surely, that stays open
Claim = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class RowSummary:
    """One row at one label count.

    scores: by common draw. low, high: 95 % interval of the mean (NaN with one draw). gain: lead over the harder of
    'best constant answer' and 'own answers at random'; gain_high: upper end of its ordinary 95 % interval (NaN with one
    draw); p_learned: its Holm-adjusted p-value over the study.
    seconds: median of training plus testing (the first draw may hold costs that are paid once).
    paired: False when the row lacks common draws and takes part in no comparison. from_draws: see `Estimate`.
    """

    row: str
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
        """Whether the report may call the row better than guessing."""
        return self.p_learned <= ALPHA

    @property
    def failed(self) -> bool:
        """Whether the report may say that it did not learn: its lead over guessing is surely below `SLIGHT`."""
        return not self.learned and self.gain_high < SLIGHT


@dataclass(frozen=True)
class Difference:
    """First minus second row on the same draws and test rows.

    low, high: interval at `level`, at which Holm tested the pair, drawn out to zero where `sign_flips` forbids a claim:
    it excludes zero exactly where `claim` is made. plain_low, plain_high: the ordinary 95 % interval of this pair
    alone. wins, losses: draws in which the first is ahead, behind. variance: what other draws and test rows would give.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    plain_low: float
    plain_high: float
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
        turned |= {"high": -self.low, "plain_low": -self.plain_high, "plain_high": -self.plain_low}
        return replace(self, **turned, wins=self.losses, losses=self.wins)


@dataclass(frozen=True)
class SizeTable:
    """All rows at one label count. rows: by name, best mean first. pairs: by (first, second); see `difference`."""

    size: int
    draws: tuple[int, ...]
    overlap: float
    rows: dict[str, RowSummary]
    pairs: dict[tuple[str, str], Difference] = field(default_factory=dict)

    @property
    def fixed_pool(self) -> bool:
        """Whether all draws are the same rows, so that intervals hold for this labelled pool only."""
        return self.overlap >= FIXED

    def difference(self, first: str, second: str) -> Difference | None:
        """Return first minus second, or None when the two were not compared."""
        if (first, second) in self.pairs:
            return self.pairs[first, second]
        found = self.pairs.get((second, first))
        return found.turned() if found else None

    def best(self, *kinds: str) -> RowSummary | None:
        """Return the compared row of the highest mean among `kinds` (all but majority when none is given)."""
        kinds = kinds or ("classical", "control", "pretrained")
        return next((row for row in self.rows.values() if row.kind in kinds and row.paired), None)


@dataclass(frozen=True)
class Analysis:
    """The judged study. tables: by label count. constant: score of the best constant answer on the test rows.

    classes: how many there are. evidence: value by block of each cell, float [G], by (row, label count, draw).
    """

    tables: dict[int, SizeTable]
    classes: int
    constant: float
    constant_class: str
    evidence: Mapping[tuple[str, int, int], np.ndarray] = field(default_factory=dict, repr=False)

    def stack(self, row: str, size: int, draws: Sequence[int]) -> np.ndarray:
        """Return the evidence of a row at a label count, [D, G]."""
        return np.stack([self.evidence[row, size, number] for number in draws])


@lru_cache(maxsize=2)
def analyse(study: Study) -> Analysis:
    """Judge all finished cells of a study; label counts without a finished cell are left out."""
    judge = Evidence(study.metric, study.truth_N, TestBlocks.make(len(study.truth_N), study.groups))
    values = {(cell.row, cell.size, cell.draw): judge.of(cell.predicted_N) for cell in study.cells}
    constants = [judge.constant(answer) for answer in range(len(study.classes))]
    answer = int(np.argmax([value.mean() for value in constants]))
    built, learnt, leads = {}, {}, {}
    for size in study.sizes:
        draws = common_draws(study, size)
        if not draws:
            continue
        over = {"overlap": study.overlaps[size], "rows": len(study.truth_N)}
        summaries, guessing = {}, {}
        for facts in study.rows:
            cells = study.scores(facts.name, size)
            if not cells:
                continue
            used = draws if set(draws) <= set(cells) else tuple(sorted(cells))
            own = np.stack([values[facts.name, size, number] for number in used])
            chance = np.stack([judge.chance(cells[number].predicted_N) for number in used])
            both = (own - constants[answer], own - chance)
            gain = min((estimate(lead, **over) for lead in both), key=lambda test: test.value)
            if facts.kind != "majority":
                guessing[facts.name] = both
                leads[facts.name, size] = dict(zip(used, min(both, key=np.mean).mean(1)))
            seconds = float(np.median([cells[number].seconds for number in used]))
            summaries[facts.name] = _summary(facts, own, estimate(own, **over), gain, seconds, used is draws)
        learnt |= {(name, size): p for name, p in _above_guessing(guessing, over).items()}
        ordered = dict(sorted(summaries.items(), key=lambda item: -item[1].mean))
        built[size] = SizeTable(size, draws, study.overlaps[size], ordered)
    _call_learned(built, learnt, leads)
    judged = _compare(built, values, len(study.truth_N))
    return Analysis(judged, len(study.classes), float(constants[answer].mean()), study.classes[answer], values)


def _above_guessing(leads: Mapping[str, tuple[np.ndarray, np.ndarray]], over: Mapping[str, float]) -> dict[str, float]:
    """Return the larger p-value of the leads over a constant answer and over chance, by row, each [D, G].

    With fewer draws than `sign_flips` can judge, a row's draws are taken to spread as much as those of the median row.
    """
    found = {name: [estimate(lead, **over) for lead in both] for name, both in leads.items()}
    few = [name for name, both in leads.items() if 1 < len(both[0]) < FLIPPED_UP]
    for name in few:
        peers = [tests for other, tests in found.items() if other in few]
        least = [float(np.median([tests[place].variance.draw for tests in peers])) for place in (0, 1)]
        tests = [estimate(lead, **over, least=floor) for lead, floor in zip(leads[name], least)]
        found[name] = [*found[name], *tests]
    return {name: max(test.p_above() for test in tests) for name, tests in found.items()}


def common_draws(study: Study, size: int) -> tuple[int, ...]:
    """Return the draws that every compared row finished; rows two or more draws behind the others are not compared."""
    done = {facts.name: set(study.scores(facts.name, size)) for facts in study.rows}
    most = max(map(len, done.values()))
    kept = [draws for draws in done.values() if draws and len(draws) >= most - 1]
    return tuple(sorted(set.intersection(*kept))) if kept else ()


def _summary(facts, own_DG: np.ndarray, found: Estimate, gain: Estimate, seconds: float, paired: bool) -> RowSummary:
    scores = own_DG.mean(1)
    sd = float(scores.std(ddof=1)) if len(scores) > 1 else float("nan")
    low, high = found.interval(ALPHA)
    return RowSummary(
        row=facts.name,
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
    """Put the adjusted p-values of the family *learned* into the tables' rows: Holm's, or `sign_flips` where larger."""
    adjusted, _ = holm(list(p_values.values()))
    adjusted = np.maximum(adjusted, flipped(list(leads.values()), FLIPPED_UP))
    for (name, size), p in zip(p_values, adjusted):
        row = built[size].rows[name]
        built[size].rows[name] = replace(row, p_learned=float(p))


def _compare(
    built: Mapping[int, SizeTable], values: Mapping[tuple[str, int, int], np.ndarray], rows: int
) -> dict[int, SizeTable]:
    """Return the tables with the family *differs* judged: all pairs of compared rows but the majority row."""
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
    names = [row.row for row in table.rows.values() if row.paired and row.kind != "majority"]
    stacks = {name: np.stack([values[name, table.size, number] for number in table.draws]) for name in names}
    leads = {(one, two): stacks[one] - stacks[two] for one, two in combinations(names, 2)}
    plain = {pair: estimate(lead, table.overlap, rows) for pair, lead in leads.items()}
    tested = plain
    if 1 < len(table.draws) < FLIPPED:
        least = float(np.median([one.variance.draw for one in plain.values()])) if plain else 0.0
        tested = {pair: estimate(lead, table.overlap, rows, least) for pair, lead in leads.items()}
    by_draw = {pair: dict(zip(table.draws, map(float, lead.mean(1)))) for pair, lead in leads.items()}
    return [(table.size, pair, by_draw[pair], tested[pair], plain[pair]) for pair in leads]
