"""What each single change to a route brought: paired differences to the route as it is, one family by Holm at 5 %.

The changes are named before the study runs, and each is compared with the unchanged route only. The family therefore
has one test per change and label count, not one per pair of entries (`statistics/analysis.py`). From 6 draws on a
change must also pass the two-sided `sign_flips`, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.statistics.analysis import ALPHA, FLIPPED, Claim, analyse
from headstart.statistics.intervals import Estimate
from headstart.statistics.paired_tests import flipped, holm
from headstart.statistics.study import Entry, Study


@dataclass(frozen=True)
class Effect:
    """A changed entry minus the unchanged entry at one label count.

    low, high: interval at the level at which Holm tested the change; it excludes zero exactly where `claim` is made. p:
    the adjusted p-value.
    """

    change: str
    size: int
    value: float
    low: float
    high: float
    p: float
    draws: int

    @property
    def claim(self) -> Claim:
        """Whether the change is better or worse than no change, or that is undecided."""
        if self.p > ALPHA:
            return "undecided"
        return "better" if self.value > 0 else "worse"


def effects(study: Study, unchanged: Entry, changed: Sequence[Entry]) -> list[Effect]:
    """Return the effect of every changed entry that was compared with the unchanged one, by label count."""
    tables = analyse(study).tables
    found = []
    for size, table in tables.items():
        for entry in changed:
            lead = table.difference(entry.name, unchanged.name)
            if lead is not None:
                scores = [np.array(table.entries[name].scores) for name in (entry.name, unchanged.name)]
                found.append((entry.change, size, lead, dict(zip(table.draws, scores[0] - scores[1]))))
    adjusted, levels = holm([lead.p for _, _, lead, _ in found], ALPHA)
    by_flips = flipped([by_draw for *_, by_draw in found], FLIPPED, two_sided=True)
    out = []
    for (change, size, lead, _), p_holm, p_flip, level in zip(found, adjusted, by_flips, levels):
        low = high = float("nan")
        if lead.variance is not None:
            low, high = Estimate(lead.value, *lead.variance.at(lead.draws)).interval(float(level))
        if p_flip > ALPHA:
            low, high = min(low, 0.0), max(high, 0.0)
        out.append(Effect(change, size, lead.value, low, high, max(float(p_holm), float(p_flip)), lead.draws))
    return out
