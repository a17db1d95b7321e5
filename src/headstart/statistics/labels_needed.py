"""How many labels an entry needs for a score beyond what was tried: its forecast's curves, read the other way round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.statistics.forecast import MISFIT, Curves, weighted_quantiles

FARTHEST = 10  # times the most labels that were tried: no curve is followed beyond
_GRID = 200  # label counts, 1.2 % apart


@dataclass(frozen=True)
class LabelsNeeded:
    """Label counts at which a score is reached, with a 95 % interval; None is beyond `limit` labels.

    ceiling: the upper end (97.5 %) of the score at which the curves level off; the metric's best score where they are
    not known to.
    """

    value: float | None
    low: float | None
    high: float | None
    limit: int
    ceiling: float


def labels_needed(found: Curves, score: float) -> LabelsNeeded:
    """Return how many labels the curves need for `score`, from the most labels that were tried to `FARTHEST` times."""
    most = found.sizes[-1]
    limit = int(FARTHEST * most)
    grid_X = np.geomspace(most, limit, _GRID)
    reached_XS = np.stack([found.at(labels) >= score for labels in grid_X])
    needed_S = np.where(reached_XS.any(0), grid_X[reached_XS.argmax(0)], np.inf)
    low, middle, high = weighted_quantiles(needed_S, found.weight_S, (0.025, 0.5, 0.975))
    shown = [value if np.isfinite(value) else None for value in (middle, low, high)]
    return LabelsNeeded(*shown, limit, _ceiling(found))


def _ceiling(found: Curves) -> float:
    """Return the upper end of where the curves level off; one whose exponent is not above 0 does not."""
    first, last = found.sizes[0], found.sizes[-1]
    flat_S = found.exponent_S > 0
    power_S = np.where(flat_S, found.exponent_S, 1.0)
    low_S, high_S = first**-power_S, last**-power_S
    rest_S = found.fall_S * high_S / (low_S - high_S)  # of the rise, what is still to come
    noise_S = MISFIT * found.limits[1] * np.log2(FARTHEST) * found.noise_S  # the law's own error that far
    ends_S = np.where(flat_S | (found.fall_S == 0), found.level_S + rest_S + noise_S, np.inf)
    return weighted_quantiles(np.clip(ends_S, *found.limits), found.weight_S, (0.975,))[0]
