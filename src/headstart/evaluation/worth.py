"""Worth in labels: how many labels the best classical row needs for the score of the best pre-trained one.

Inverse interpolation of the classical learning curve over the logarithm of the label count; the interval holds every
label count at which the paired test cannot tell the two scores apart (inversion of a test, as Fieller's interval:
Fieller, Journal of the Royal Statistical Society B 16, 1954), so that label draws and test rows both enter, jointly
over the label counts, because the draws are nested and the test rows are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from headstart.evaluation.analysis import ALPHA, Analysis
from headstart.evaluation.statistics import Estimate, estimate, mixed_overlap

STEPS = 24  # places looked at between two label counts


@dataclass(frozen=True)
class LabelWorth:
    """What `row` at `size` labels is worth in labels of the classical curve.

    others: the classical row at each label count measured (the best one there). value: labels needed, low and high: its
    95 % interval. A value, low or high of None is outside of the measured range `measured` = (fewest, most labels):
    `side` says where the value is (`below`, `within`, `above`); low is None where it may be below the fewest, high is
    None where it may be above the most.
    """

    row: str
    size: int
    others: dict[int, str]
    measured: tuple[int, int]
    side: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Place:
    """One label count on the grid: lead of the row over the curve there, whose estimate is `lead`."""

    labels: float
    lead: Estimate


def label_worth(analysis: Analysis, size: int, overlaps: dict[int, float], rows: int) -> LabelWorth | None:
    """Return the worth of the best pre-trained row at `size` labels; None without rows, sizes or draws to tell it.

    overlaps: of the draws, by label count; rows: number of test rows. At least two label counts with a classical row
    and two draws common to all of them are needed.
    """
    best = analysis.tables[size].best("pretrained")
    found = {other: table.best("classical") for other, table in analysis.tables.items()}
    curve = {other: row.row for other, row in found.items() if row}
    if best is None or len(curve) < 2:
        return None
    cells = [(best.row, size), *((row, other) for other, row in curve.items())]
    draws = common(analysis, cells)
    if len(draws) < 2:
        return None
    places = leads(analysis, (best.row, size), curve, draws, overlaps, rows)
    return _answer(best.row, size, curve, places)


def common(analysis: Analysis, cells: Sequence[tuple[str, int]]) -> tuple[int, ...]:
    """Return the draws that all (row, label count) have finished."""
    done: dict[tuple[str, int], set[int]] = {cell: set() for cell in cells}
    for row, size, draw in analysis.evidence:
        if (row, size) in done:
            done[row, size].add(draw)
    return tuple(sorted(set.intersection(*done.values())))


def leads(
    analysis: Analysis,
    fixed: tuple[str, int],
    curve: dict[int, str],
    draws: Sequence[int],
    overlaps: dict[int, float],
    rows: int,
) -> list[Place]:
    """Return the lead of a row at one label count, `fixed`, over the interpolated `curve` (row by label count)."""
    own = analysis.stack(*fixed, draws)
    stacks = {size: analysis.stack(row, size, draws) for size, row in sorted(curve.items())}
    sizes = list(stacks)
    places = []
    for low, high in pairwise(sizes):
        for share in np.linspace(0, 1, STEPS, endpoint=high == sizes[-1]):
            between = (1 - share) * stacks[low] + share * stacks[high]
            parts = ((own, overlaps[fixed[1]]), ((1 - share) * stacks[low], overlaps[low]))
            parts += ((share * stacks[high], overlaps[high]),)
            labels = float(low ** (1 - share) * high**share)
            places.append(Place(labels, estimate(own - between, mixed_overlap(parts), rows)))
    return places


def _answer(row: str, size: int, curve: dict[int, str], places: Sequence[Place]) -> LabelWorth:
    """Read value and interval off the leads; where scores fall with more labels, the curve counts as level."""
    labels = np.array([place.labels for place in places])
    lead = np.minimum.accumulate([place.lead.value for place in places])  # scores of the curve so far: never falling
    spans = np.array([place.lead.interval(ALPHA) for place in places])
    measured = (min(curve), max(curve))
    undecided = np.flatnonzero((spans[:, 0] <= 0) & (spans[:, 1] >= 0))
    if lead[0] <= 0:
        side, value = "below", None
    elif lead[-1] > 0:
        side, value = "above", None
    else:
        after = int(np.argmax(lead <= 0))
        part = lead[after - 1] / (lead[after - 1] - lead[after])
        side, value = "within", float(labels[after - 1] ** (1 - part) * labels[after] ** part)
    if not len(undecided):
        edges = {"below": (None, float(measured[0])), "above": (float(measured[1]), None), "within": (value, value)}
        return LabelWorth(row, size, curve, measured, side, value, *edges[side])
    first, last = int(undecided[0]), int(undecided[-1])
    low = None if first == 0 else float(labels[first - 1])
    high = None if last == len(places) - 1 else float(labels[last + 1])
    return LabelWorth(row, size, curve, measured, side, value, low, high)
