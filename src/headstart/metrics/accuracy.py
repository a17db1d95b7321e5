"""Accuracy: the share of rows whose predicted class is the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.metric_contracts import CountMetric, share_of_hits
from headstart.core.spec import MetricSpec


@dataclass(frozen=True, kw_only=True)
class Accuracy(CountMetric, MetricSpec):
    """`score` equals `sklearn.metrics.accuracy_score` with `sample_weight`."""

    def score(self, truth_N: np.ndarray, predicted_N: np.ndarray, weight_N: np.ndarray | None = None) -> float:
        """Return the (weighted) share of agreeing rows, in [0, 1]; nan for no rows or no weight.

        weight_N: how often each row counts, as a bootstrap draw gives; None counts each row once.
        """
        right_N = np.asarray(truth_N) == np.asarray(predicted_N)
        weight_N = np.ones(len(right_N)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
        total = weight_N.sum()
        return float((right_N * weight_N).sum() / total) if total > 0 else float("nan")

    def of_counts(self, hits_XC: np.ndarray, true_XC: np.ndarray, said_XC: np.ndarray) -> np.ndarray:
        """Return the share of hits; see `CountMetric`."""
        return share_of_hits(hits_XC, true_XC)
