"""Scores on parts of the test rows: where an entry is weak, and whether leaked test rows flatter it.

Every slice is compared with the other test rows, for the best entry of each kind, by Holm over all slices and label
counts. Each class is a slice; texts are cut into thirds by length (`length_slices`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from headstart.core.metric_contracts import CountMetric, share_of_hits
from headstart.statistics.analysis import ALPHA, FLIPPED, SizeTable, analyse, told_by
from headstart.statistics.blocks import Evidence, TestBlocks, taken
from headstart.statistics.intervals import Bounds, Estimate, estimate
from headstart.statistics.paired_tests import holm
from headstart.statistics.study import Study

FEWEST = 10  # rows that a slice, and what is left without it, need for a score
CLASSES = 20  # with more classes than that they are no slices
KINDS = ("pretrained", "classical", "control")


class ShareFound(CountMetric):
    """The share of the rows of a class whose class is predicted: accuracy on the slice that the class is."""

    limits = (0.0, 1.0)

    def of_counts(self, hits_XC: np.ndarray, true_XC: np.ndarray, said_XC: np.ndarray) -> np.ndarray:
        """Return the share of rightly predicted rows; see `CountMetric`."""
        return share_of_hits(hits_XC, true_XC)


@dataclass(frozen=True)
class SliceScore:
    """One entry at one label count on one slice of `rows` test rows, with its 95 % interval.

    kind: `given` (a slice of the study) or `class`, where the score is accuracy, the share of that class that is
    found. gap: slice minus the other test rows, its interval at the level at which Holm tested it; p: adjusted over all
    slices.
    """

    entry: str
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
    p: float

    @property
    def claim(self) -> str:
        """`better` or `worse` on the slice than on the other rows, else `undecided`."""
        return "undecided" if self.p > ALPHA else "better" if self.gap > 0 else "worse"


@dataclass(frozen=True)
class SliceLead:
    """Lead of the best pre-trained over the best classical entry on one slice.

    Interval and p as for `SliceScore`, and over all pairs of such entries that could have been the best ones.
    """

    first: str
    second: str
    size: int
    slice: str
    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Slices:
    """All that is known of slices: scores of the best entry of each kind, and leads."""

    scores: tuple[SliceScore, ...] = ()
    leads: tuple[SliceLead, ...] = ()

    def score(self, entry: str, size: int, name: str) -> SliceScore | None:
        """Return the score of an entry on a given slice, or None."""
        wanted = (entry, size, name, "given")
        return next((one for one in self.scores if (one.entry, one.size, one.slice, one.kind) == wanted), None)


def length_slices(items: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return thirds of the texts by number of characters, bool [N] by name; {} where too many lengths are equal.

    Images have no such length: {}.
    """
    if len(items) == 0 or not all(isinstance(item, str) for item in items):
        return {}
    length_N = np.array([len(text) for text in items])
    first, second = np.quantile(length_N, (1 / 3, 2 / 3))
    parts = {"short": length_N <= first, "middle": (length_N > first) & (length_N <= second), "long": length_N > second}
    return parts if all(part.sum() >= FEWEST for part in parts.values()) else {}


@lru_cache(maxsize=2)
def slices(study: Study) -> Slices:
    """Judge the slices of a study: those given and the classes; small ones are left out."""
    analysis = analyse(study)
    blocks = TestBlocks.make(study.test_rows, study.groups)
    scores: list[tuple[SliceScore, Estimate]] = []
    leads: list[tuple[SliceLead, Estimate]] = []
    kinds = (("given", study.metric, study.slices), ("class", ShareFound(), _classes(study)))
    for kind, metric, parts in kinds:
        for name, rows_N in parts.items():
            rows_N = np.asarray(rows_N, bool)
            sides = [side_N for side_N in (rows_N, ~rows_N) if side_N.any()]
            if not rows_N.any() or any(side_N.sum() < FEWEST or blocks.within(side_N) < 2 for side_N in sides):
                continue
            inside, other = (
                Evidence(metric, taken(study.truth, side_N), blocks.take(side_N)) if side_N.any() else None
                for side_N in (rows_N, ~rows_N)
            )
            whole = Evidence(metric, study.truth, blocks)
            for table in analysis.tables.values():
                found = {name: _values(study, table, name, rows_N, (whole, inside, other)) for name in _shown(table)}
                scores += [
                    _score(table, (entry, name, kind), rows_N, pair, metric.limits) for entry, pair in found.items()
                ]
                if kind == "given":
                    leads += _leads(table, name, rows_N, {entry: pair[0] for entry, pair in found.items()})
    # The pair was picked by its scores on these rows, so that every pair it could have been counts.
    pairs = max(
        (_paired(table, "pretrained") * _paired(table, "classical") for table in analysis.tables.values()), default=1
    )
    return Slices(_adjusted(scores, ("gap_low", "gap_high")), _adjusted(leads, ("low", "high"), pairs))


def _classes(study: Study) -> dict[str, np.ndarray]:
    if len(study.classes) > CLASSES:
        return {}
    return {name: study.truth == number for number, name in enumerate(study.classes)}


def _paired(table: SizeTable, kind: str) -> int:
    return sum(entry.paired and entry.kind == kind for entry in table.entries.values())


def _shown(table: SizeTable) -> list[str]:
    """Return the best compared entry of each kind."""
    return [best.entry for kind in KINDS if (best := table.best(kind))]


def _values(
    study: Study,
    table: SizeTable,
    entry: str,
    rows_N: np.ndarray,
    judges: tuple[Evidence, Evidence, Evidence | None],
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values of an entry within a slice, and those minus its values on the other rows, [D, G] each.

    judges: of all test rows, of the slice, of the other rows (None where there are none).
    """
    whole, inside, other = judges
    cells = [study.cells_of(entry, table.size)[number] for number in table.draws]
    given = whole.metric is study.metric
    told = [told_by(study, whole, cell) if given else cell.predicted for cell in cells]
    own = np.stack([inside.of_told(taken(one, rows_N)) for one in told])
    if other is None:
        return own, None
    return own, own - np.stack([other.of_told(taken(one, ~rows_N)) for one in told])


def _score(
    table: SizeTable,
    named: tuple[str, str, str],
    rows_N: np.ndarray,
    values: tuple[np.ndarray, np.ndarray | None],
    limits: tuple[float, float],
) -> tuple[SliceScore, Estimate]:
    """Return the score on a slice and the estimate of its gap to the other rows, still to be adjusted.

    named: entry, slice, kind. values: see `_values`. limits: the worst and the best value of the metric.
    """
    (entry, name, kind), (own, gap) = named, values
    count = int(rows_N.sum())
    found = estimate(own, table.overlap, count, bounds=Bounds.of_score(limits))
    apart = Estimate(np.nan, np.nan, np.nan, np.nan)
    if gap is not None:
        gap = gap if len(gap) >= FLIPPED else gap[:1]  # fewer draws claim nothing
        apart = estimate(gap, table.overlap, count, bounds=Bounds.of_difference(limits))
    spans = (found.value, *found.interval(ALPHA), apart.value, np.nan, np.nan, np.nan)
    return SliceScore(entry, table.size, name, kind, count, *spans), apart


def _leads(
    table: SizeTable, name: str, rows_N: np.ndarray, values: Mapping[str, np.ndarray]
) -> list[tuple[SliceLead, Estimate]]:
    first, second = table.best("pretrained"), table.best("classical")
    if not first or not second:
        return []
    lead = values[first.entry] - values[second.entry]
    found = estimate(lead, table.overlap, int(rows_N.sum()), bounds=Bounds.of_difference(table.limits))
    return [(SliceLead(first.entry, second.entry, table.size, name, found.value, np.nan, np.nan, np.nan), found)]


def _adjusted(found: Sequence[tuple], ends: tuple[str, str], choices: int = 1) -> tuple:
    """Return the results with Holm's p-values and intervals over all of them, each picked out of `choices` many."""
    adjusted, levels = holm([choices * one.p_differs() for _, one in found], ALPHA)
    out = []
    for (result, one), p, level in zip(found, adjusted, levels):
        low, high = one.interval(level / choices)
        out.append(replace(result, p=float(p), **{ends[0]: low, ends[1]: high}))
    return tuple(out)
