"""Scores on parts of the test rows: where a row is weak, and whether leaked rows flatter it.

Every slice is compared with the other test rows, for the rows that matter (best of each kind), by Holm over all slices
and label counts. Classes are slices of themselves; texts are cut into thirds by length (`length_slices`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from headstart.evaluation.analysis import ALPHA, Analysis, RowSummary, SizeTable, analyse
from headstart.evaluation.blocks import Evidence, TestBlocks
from headstart.evaluation.statistics import Estimate, estimate, holm
from headstart.evaluation.study import Study
from headstart.metrics.accuracy import Accuracy

FEWEST = 10  # rows that a slice, and what is left without it, need for a score
CLASSES = 20  # with more classes than that they are no slices
KINDS = ("pretrained", "classical", "control")


@dataclass(frozen=True)
class SliceScore:
    """One row at one label count on one slice of `rows` test rows, with its 95 % interval.

    kind: `given` (a slice of the study) or `class`, where the score is accuracy, the share of that class that is
    found. gap: slice minus the other test rows, its interval at the level at which Holm tested it; p: adjusted over all
    slices.
    """

    row: str
    size: int
    slice: str
    kind: str
    rows: int
    mean: float
    low: float
    high: float
    gap: float
    gap_low: float
    gap_high: float
    p: float = 1.0

    @property
    def claim(self) -> str:
        """`better` or `worse` on the slice than on the other rows, else `undecided`."""
        return "undecided" if self.p > ALPHA else "better" if self.gap > 0 else "worse"


@dataclass(frozen=True)
class SliceLead:
    """Lead of the best pre-trained over the best classical row on one slice.

    Interval and p as for `SliceScore`, and over all pairs of such rows that could have been the best ones.
    """

    first: str
    second: str
    size: int
    slice: str
    value: float
    low: float
    high: float
    p: float = 1.0


@dataclass(frozen=True)
class Slices:
    """All that is known of slices: scores of the best rows of each kind, and leads."""

    scores: tuple[SliceScore, ...] = ()
    leads: tuple[SliceLead, ...] = ()

    def score(self, row: str, size: int, name: str) -> SliceScore | None:
        """Return the score of a row on a given slice, or None."""
        wanted = (row, size, name, "given")
        return next((one for one in self.scores if (one.row, one.size, one.slice, one.kind) == wanted), None)


def length_slices(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Return thirds of the texts by number of characters, bool [N] by name; {} where the thirds are not apart."""
    length_N = np.array([len(text) for text in texts])
    first, second = np.quantile(length_N, (1 / 3, 2 / 3)) if len(texts) else (0, 0)
    parts = {"short": length_N <= first, "middle": (length_N > first) & (length_N <= second), "long": length_N > second}
    return parts if all(part.sum() >= FEWEST for part in parts.values()) else {}


@lru_cache(maxsize=2)
def slices(study: Study) -> Slices:
    """Judge the slices of a study: those given and the classes; small ones are left out."""
    analysis = analyse(study)
    blocks = TestBlocks.make(len(study.truth_N), study.groups)
    scores: list[tuple[SliceScore, Estimate]] = []
    leads: list[tuple[SliceLead, Estimate]] = []
    for kind, metric, parts in (("given", study.metric, study.slices), ("class", Accuracy(), _classes(study))):
        for name, rows_N in parts.items():
            rows_N = np.asarray(rows_N, bool)
            sides = [side_N for side_N in (rows_N, ~rows_N) if side_N.any()]
            if not rows_N.any() or any(side_N.sum() < FEWEST or blocks.within(side_N) < 2 for side_N in sides):
                continue
            inside = Evidence(metric, study.truth_N[rows_N], blocks.take(rows_N))
            other = Evidence(metric, study.truth_N[~rows_N], blocks.take(~rows_N)) if (~rows_N).any() else None
            for table in analysis.tables.values():
                found = {row.row: _values(study, analysis, table, row, rows_N, inside, other) for row in _shown(table)}
                scores += [_score(table, row, (name, kind), rows_N, *pair) for row, pair in found.items()]
                if kind == "given":
                    leads += _leads(table, name, rows_N, {row: pair[0] for row, pair in found.items()})
    # The pair was picked by its scores on these rows, so that every pair it could have been counts.
    pairs = max(
        (_paired(table, "pretrained") * _paired(table, "classical") for table in analysis.tables.values()), default=1
    )
    return Slices(_adjusted(scores, ("gap_low", "gap_high")), _adjusted(leads, ("low", "high"), max(pairs, 1)))


def _classes(study: Study) -> dict[str, np.ndarray]:
    if len(study.classes) > CLASSES:
        return {}
    return {name: study.truth_N == number for number, name in enumerate(study.classes)}


def _paired(table: SizeTable, kind: str) -> int:
    return sum(row.paired and row.kind == kind for row in table.rows.values())


def _shown(table: SizeTable) -> list[RowSummary]:
    """Return the best compared row of each kind."""
    return [row for kind in KINDS if (row := table.best(kind))]


def _values(
    study: Study,
    analysis: Analysis,
    table: SizeTable,
    row: RowSummary,
    rows_N: np.ndarray,
    inside: Evidence,
    other: Evidence | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values of a row within a slice and of slice minus the other rows, [D, G] each."""
    cells = study.scores(row.row, table.size)
    answers = [cells[number].predicted_N.astype(np.int64) for number in table.draws]
    own = np.stack([inside.of(predicted_N[rows_N]) for predicted_N in answers])
    if other is None:
        return own, None
    return own, own - np.stack([other.of(predicted_N[~rows_N]) for predicted_N in answers])


def _score(
    table: SizeTable, row: str, named: tuple[str, str], rows_N: np.ndarray, own: np.ndarray, gap: np.ndarray | None
) -> tuple[SliceScore, Estimate]:
    """Return the score on a slice and the estimate of its gap to the other rows, still to be adjusted."""
    count = int(rows_N.sum())
    found = estimate(own, table.overlap, count)
    apart = Estimate(np.nan, np.nan, np.nan, np.nan) if gap is None else estimate(gap, table.overlap, count)
    spans = (found.value, *found.interval(ALPHA), apart.value, np.nan, np.nan)
    return SliceScore(row, table.size, *named, count, *spans), apart


def _leads(
    table: SizeTable, name: str, rows_N: np.ndarray, values: Mapping[str, np.ndarray]
) -> list[tuple[SliceLead, Estimate]]:
    first, second = table.best("pretrained"), table.best("classical")
    if not first or not second:
        return []
    found = estimate(values[first.row] - values[second.row], table.overlap, int(rows_N.sum()))
    return [(SliceLead(first.row, second.row, table.size, name, found.value, np.nan, np.nan), found)]


def _adjusted(found: Sequence[tuple], ends: tuple[str, str], choices: int = 1) -> tuple:
    """Return the results with Holm's p-values and intervals over all of them, each picked out of so many `choices`."""
    adjusted, levels = holm([min(choices * one.p_differs(), 1.0) for _, one in found], ALPHA)
    out = []
    for (result, one), p, level in zip(found, adjusted, levels):
        low, high = one.interval(level / choices)
        out.append(replace(result, p=float(p), **{ends[0]: low, ends[1]: high}))
    return tuple(out)
