"""Pearson correlation: linear relation of predicted and true numbers, from -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.spec import MetricSpec


@dataclass(frozen=True, kw_only=True)
class Pearson(MetricSpec):
    """`score` equals `scipy.stats.pearsonr` on rows repeated by their weights."""

    task: ClassVar[str] = "regress"
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def score(self, truth_N: np.ndarray, predicted_N: np.ndarray, weight_N: np.ndarray | None = None) -> float:
        """Return the correlation; nan for no rows, no weight, or when truth or prediction is constant.

        weight_N: how often each row counts, as a bootstrap draw gives; None counts each row once.
        """
        truth_N, predicted_N = np.asarray(truth_N, np.float64), np.asarray(predicted_N, np.float64)
        weight_N = np.ones(len(truth_N)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
        return correlation(truth_N, predicted_N, weight_N)


def correlation(first_N: np.ndarray, second_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Return Pearson's r of float64 values, in [-1, 1]; nan when one side is constant or not finite, or no weight."""
    used = weight_N > 0
    sides = first_N[used], second_N[used]
    if not used.any() or not all(np.isfinite(side).all() and np.ptp(side) > 0 for side in sides):
        return float("nan")
    share = weight_N[used] / weight_N.sum()
    first, second = ((side - share @ side) * np.sqrt(share) for side in sides)
    return float(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), -1.0, 1.0))
