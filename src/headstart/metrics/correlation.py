"""The weighted correlation that Pearson's and Spearman's metrics share."""

from __future__ import annotations

import numpy as np


def correlation(first_N: np.ndarray, second_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Return Pearson's r of float64 values, in [-1, 1]; nan when one side is constant or not finite, or no weight."""
    used = weight_N > 0
    sides = first_N[used], second_N[used]
    if not used.any() or not all(np.isfinite(side).all() and np.ptp(side) > 0 for side in sides):
        return float("nan")
    share = weight_N[used] / weight_N.sum()
    first, second = ((side - share @ side) * np.sqrt(share) for side in sides)
    return float(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), -1.0, 1.0))
