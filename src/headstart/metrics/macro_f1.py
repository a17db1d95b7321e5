"""Macro-F1: the F1 of each class that occurs (in truth or prediction), averaged with equal weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.metric_contracts import CountMetric
from headstart.core.spec import MetricSpec


@dataclass(frozen=True, kw_only=True)
class MacroF1(CountMetric, MetricSpec):
    """`score` equals `sklearn.metrics.f1_score(average="macro", zero_division=0)` with `sample_weight`."""

    def score(self, truth_N: np.ndarray, predicted_N: np.ndarray, weight_N: np.ndarray | None = None) -> float:
        """Return the mean of 2 * hits / (true + predicted) over classes, in [0, 1]; nan for no rows or no weight.

        weight_N: how often each row counts, as a bootstrap draw gives; None counts each row once. A class whose rows
        all have weight 0 still counts as a class (with F1 = 0), as in scikit-learn.
        """
        truth_N, predicted_N = np.asarray(truth_N), np.asarray(predicted_N)
        weight_N = np.ones(len(truth_N)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
        if not weight_N.sum() > 0:
            return float("nan")
        classes, code = np.unique(np.concatenate([truth_N, predicted_N]), return_inverse=True)
        true_N, said_N = code[: len(truth_N)], code[len(truth_N) :]
        size = len(classes)
        hits_C = np.bincount(true_N, weight_N * (true_N == said_N), size)
        both_C = np.bincount(true_N, weight_N, size) + np.bincount(said_N, weight_N, size)
        return float(np.divide(2 * hits_C, both_C, out=np.zeros(size), where=both_C > 0).mean())

    def of_counts(self, hits_XC: np.ndarray, true_XC: np.ndarray, said_XC: np.ndarray) -> np.ndarray:
        """Return the mean F1 of the classes; see `CountMetric`."""
        both_XC = true_XC + said_XC
        return np.divide(2 * hits_XC, both_XC, out=np.zeros_like(both_XC), where=both_XC > 0).mean(1)
