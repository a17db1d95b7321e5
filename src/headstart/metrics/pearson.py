"""Pearson correlation: how well predicted numbers follow the true ones on a straight line, from -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.base.spec import MetricSpec
from headstart.metrics.correlation import correlation


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
