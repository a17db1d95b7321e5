"""From finished cells to judged tables: which rows learned, and how every two rows differ, with error control.

Two families of claims, each by Holm at 5 %:
- *learned*: over all rows and all label counts of the study, so that under shuffled labels the chance of even one false
  "learned" in the whole report is at most 5 %. A row learned when it beats both the best constant answer on these test
  rows and its own answers dealt out at random. From 5 draws on it must also pass `sign_flips`, which assumes no shape
  of the scores' distribution (with fewer draws that test could never claim anything).
- *differs*: over all pairs of rows at one label count. As every pair is in the family, picking the best row (or the
  best classical one) after looking does not invalidate the claim: no winner's curse in what is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np

from headstart.evaluation.statistics import (
    FIXED,
    Estimate,
    Table,
    TestBlocks,
    chance_evidence,
    estimate,
    evidence,
    holm,
    sign_flips,
)
from headstart.evaluation.study import Study

ALPHA = 0.05
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

    low, high: interval at the level at which Holm tested the pair: it excludes zero exactly where `claim` is made.
    plain_low, plain_high: the ordinary 95 % interval of this pair alone. wins, losses: draws in which the first is
    ahead, behind.
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
        return Difference(**{**vars(self), **turned, "wins": self.losses, "losses": self.wins})


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

    classes: how many there are.
    """

    tables: dict[int, SizeTable]
    classes: int
    constant: float
    constant_class: str


@lru_cache(maxsize=2)
def analyse(study: Study) -> Analysis:
    """Judge all finished cells of a study; label counts without a finished cell are left out."""
    blocks = TestBlocks.make(len(study.truth_N), study.groups)
    tables = {(c.row, c.size, c.draw): Table.make(study.truth_N, c.predicted_N, blocks) for c in study.cells}
    values = {place: evidence(table, study.metric.score) for place, table in tables.items()}
    truth = Table.make(study.truth_N, study.truth_N, blocks)
    constants = [evidence(truth.constant(answer), study.metric.score) for answer in range(len(study.classes))]
    answer = int(np.argmax([value.mean() for value in constants]))
    built, learnt, leads = {}, {}, {}
    for size in study.sizes:
        draws = common_draws(study, size)
        if not draws:
            continue
        summaries = {}
        for facts in study.rows:
            cells = study.scores(facts.name, size)
            if not cells:
                continue
            used = draws if set(draws) <= set(cells) else tuple(sorted(cells))
            own = np.stack([values[facts.name, size, number] for number in used])
            chance = np.stack([chance_evidence(tables[facts.name, size, n], study.metric.score) for n in used])
            over = {"overlap": study.overlaps[size], "rows": len(study.truth_N)}
            tests = [estimate(own - constants[answer], **over), estimate(own - chance, **over)]
            if facts.kind != "majority":
                learnt[facts.name, size] = max(test.p_above() for test in tests)
                harder = min((own - constants[answer], own - chance), key=np.mean)
                leads[facts.name, size] = dict(zip(used, harder.mean(1)))
            gain = min(tests, key=lambda test: test.value)
            seconds = float(np.median([cells[number].seconds for number in used]))
            summaries[facts.name] = _summary(facts, own, estimate(own, **over), gain, seconds, used is draws)
        ordered = dict(sorted(summaries.items(), key=lambda item: -item[1].mean))
        built[size] = SizeTable(size, draws, study.overlaps[size], ordered)
    _call_learned(built, learnt, leads)
    tables = {size: _compare(table, values, len(study.truth_N)) for size, table in built.items()}
    return Analysis(tables, len(study.classes), float(constants[answer].mean()), study.classes[answer])


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
    draws = sorted({number for lead in leads.values() for number in lead})
    if draws and 0.5 ** len(draws) <= ALPHA:
        flipped = sign_flips(np.array([[lead.get(number, 0.0) for number in draws] for lead in leads.values()]))
        enough = np.array([0.5 ** len(lead) <= ALPHA for lead in leads.values()])
        adjusted = np.maximum(adjusted, np.where(enough, flipped, 0.0))
    for (name, size), p in zip(p_values, adjusted):
        row = built[size].rows[name]
        built[size].rows[name] = RowSummary(**{**vars(row), "p_learned": float(p)})


def _compare(table: SizeTable, values: Mapping[tuple[str, int, int], np.ndarray], rows: int) -> SizeTable:
    """Return the table with the family *differs* judged: all pairs of compared rows but the majority row."""
    names = [row.row for row in table.rows.values() if row.paired and row.kind != "majority"]
    stacks = {name: np.stack([values[name, table.size, number] for number in table.draws]) for name in names}
    pairs = list(combinations(names, 2))
    leads = {pair: stacks[pair[0]] - stacks[pair[1]] for pair in pairs}
    found = [estimate(lead, table.overlap, rows) for lead in leads.values()]
    p_values = [one.p_differs() for one in found]
    adjusted, levels = holm(p_values, ALPHA)
    judged = {}
    for pair, one, p, p_holm, level in zip(pairs, found, p_values, adjusted, levels):
        lead_D = leads[pair].mean(1)
        counts = (int((lead_D > 0).sum()), int((lead_D < 0).sum()), len(lead_D))
        spans = (*one.interval(level), *one.interval(ALPHA))
        judged[pair] = Difference(*pair, one.value, *spans, p, float(p_holm), *counts, one.from_draws)
    return SizeTable(table.size, table.draws, table.overlap, table.rows, judged)
