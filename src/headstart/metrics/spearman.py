"""Spearman correlation: agreement in order of predicted and true numbers, from -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.spec import MetricSpec
from headstart.metrics.pearson import correlation


@dataclass(frozen=True, kw_only=True)
class Spearman(MetricSpec):
    """`score` equals `scipy.stats.spearmanr` on rows repeated by their weights; ties share their average rank."""

    task: ClassVar[str] = "regress"
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def score(self, truth_N: np.ndarray, predicted_N: np.ndarray, weight_N: np.ndarray | None = None) -> float:
        """Return the correlation of ranks; nan for no rows, no weight, or when truth or prediction is constant.

        weight_N: how often each row counts, as a bootstrap draw gives; None counts each row once.
        """
        truth_N, predicted_N = np.asarray(truth_N, np.float64), np.asarray(predicted_N, np.float64)
        weight_N = np.ones(len(truth_N)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
        return correlation(_ranks(truth_N, weight_N), _ranks(predicted_N, weight_N), weight_N)


def _ranks(value_N: np.ndarray, weight_N: np.ndarray) -> np.ndarray:
    """Return the average rank of each value among the rows repeated by their weights; nan for nan."""
    _, code_N = np.unique(value_N, return_inverse=True)
    count_C = np.bincount(code_N, weight_N)
    return np.where(np.isnan(value_N), np.nan, (count_C.cumsum() - (count_C - 1) / 2)[code_N])
