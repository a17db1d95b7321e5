"""Worth in labels: how many labels the best classical entry needs for the score of the best pre-trained entry.

The classical learning curve is interpolated over the logarithm of the label count and inverted. The interval holds
every label count at which the paired test cannot tell the two scores apart (inversion of a test, as in Fieller, Journal
of the Royal Statistical Society B 16, 1954). Label draws and test rows both enter, jointly over the label counts,
because the draws are nested and the test rows are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from headstart.statistics.analysis import ALPHA, Analysis
from headstart.statistics.intervals import SPREAD, Bounds, Estimate, estimate, mixed_overlap

STEPS = 24  # places looked at between two label counts


@dataclass(frozen=True)
class LabelWorth:
    """What `entry` at `size` labels is worth in labels of the classical curve.

    others: the best classical entry at each label count measured. value: labels needed; low, high: its 95 % interval. A
    value, low or high of None is outside of the measured range `measured` = (fewest, most labels). side: where the
    value is (`below`, `within`, `above`). low is None where the value may be below the fewest labels, high is None
    where it may be above the most.
    """

    entry: str
    size: int
    others: dict[int, str]
    measured: tuple[int, int]
    side: str
    value: float | None
    low: float | None
    high: float | None

    @property
    def surely_beyond(self) -> bool:
        """Whether the whole interval lies outside of what was measured, on the side of the value."""
        fewest, most = self.measured
        return (self.side == "above" and self.low == most) or (self.side == "below" and self.high == fewest)


@dataclass(frozen=True)
class LeadAt:
    """One label count on the grid, and the estimated lead of the entry over the curve there."""

    labels: float
    lead: Estimate


def label_worth(analysis: Analysis, size: int, overlaps: dict[int, float], rows: int) -> LabelWorth | None:
    """Return the worth of the best pre-trained entry at `size` labels; None with too few entries, counts or draws.

    overlaps: of the draws, by label count; rows: number of test rows. At least two label counts with a
    classical entry and `SPREAD` draws common to all of them are needed.
    """
    best = analysis.tables[size].best("pretrained")
    found = {other: table.best("classical") for other, table in analysis.tables.items()}
    curve = {other: classical.entry for other, classical in found.items() if classical}
    if best is None or len(curve) < 2:
        return None
    cells = [(best.entry, size), *((entry, other) for other, entry in curve.items())]
    draws = common(analysis, cells)
    if len(draws) < SPREAD:
        return None
    places = leads(analysis, (best.entry, size), curve, draws, overlaps, rows)
    return _answer(best.entry, size, curve, places)


def common(analysis: Analysis, cells: Sequence[tuple[str, int]]) -> tuple[int, ...]:
    """Return the draws that all (entry, label count) have finished."""
    done: dict[tuple[str, int], set[int]] = {cell: set() for cell in cells}
    for entry, size, draw in analysis.evidence:
        if (entry, size) in done:
            done[entry, size].add(draw)
    return tuple(sorted(set.intersection(*done.values())))


def leads(
    analysis: Analysis,
    fixed: tuple[str, int],
    curve: dict[int, str],
    draws: Sequence[int],
    overlaps: dict[int, float],
    rows: int,
) -> list[LeadAt]:
    """Return the lead of an entry at one label count, `fixed`, over the interpolated `curve` (entry by label count)."""
    own = analysis.stack(*fixed, draws)
    stacks = {size: analysis.stack(entry, size, draws) for size, entry in sorted(curve.items())}
    sizes, bounds = list(stacks), Bounds.of_difference(analysis.limits)
    places = []
    for low, high in pairwise(sizes):
        for share in np.linspace(0, 1, STEPS, endpoint=high == sizes[-1]):
            between = (1 - share) * stacks[low] + share * stacks[high]
            parts = ((own, overlaps[fixed[1]]), ((1 - share) * stacks[low], overlaps[low]))
            parts += ((share * stacks[high], overlaps[high]),)
            labels = float(low ** (1 - share) * high**share)
            places.append(LeadAt(labels, estimate(own - between, mixed_overlap(parts), rows, bounds=bounds)))
    return places


def _answer(entry: str, size: int, curve: dict[int, str], places: Sequence[LeadAt]) -> LabelWorth:
    """Return value and interval from the leads; where scores fall with more labels, the curve counts as level."""
    labels = np.array([place.labels for place in places])
    lead = np.minimum.accumulate([place.lead.value for place in places])  # as if the curve never fell
    spans = np.array([place.lead.interval(ALPHA) for place in places])
    measured = (min(curve), max(curve))
    undecided = np.flatnonzero((spans[:, 0] <= 0) & (spans[:, 1] >= 0)).tolist()
    if lead[0] <= 0:
        side, value = "below", None
    elif lead[-1] > 0:
        side, value = "above", None
    else:
        after = int(np.argmax(lead <= 0))
        undecided += [after - 1, after]
        part = lead[after - 1] / (lead[after - 1] - lead[after])
        side, value = "within", float(labels[after - 1] ** (1 - part) * labels[after] ** part)
    if not len(undecided):
        edges = {"below": (None, float(measured[0])), "above": (float(measured[1]), None)}
        return LabelWorth(entry, size, curve, measured, side, value, *edges[side])
    # The curve may be met more than once: the interval is the shortest that holds all such places, and the value.
    first, last = min(undecided), max(undecided)
    low = None if first == 0 or side == "below" else float(labels[first - 1])
    high = None if last == len(places) - 1 or side == "above" else float(labels[last + 1])
    return LabelWorth(entry, size, curve, measured, side, value, low, high)
