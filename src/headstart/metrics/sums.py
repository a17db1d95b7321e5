"""What metrics share that depend on the rows through sums alone: a bootstrap needs one pass over the rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np


class SumMetric(ABC):
    """`score` from `statistics` of each row and the `value` of their (weighted) sums.

    R resamples cost one matrix product: `[metric.value(sums_K) for sums_K in weights_RN @ statistics_NK]`.
    """

    @abstractmethod
    def statistics(self, truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Return what each row adds to the sums, float64 [N, K]."""

    @abstractmethod
    def value(self, sums_K: np.ndarray) -> float:
        """Return the score of summed statistics."""

    def score(self, truth: Sequence[Any], predicted: Sequence[Any], weight_N: np.ndarray | None = None) -> float:
        """Return the score of all rows; nan for no rows or no weight.

        weight_N: how often each row counts, as a bootstrap draw gives; None counts each row once.
        """
        statistics_NK = self.statistics(truth, predicted)
        weight_N = np.ones(len(statistics_NK)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
        return self.value(weight_N @ statistics_NK) if weight_N.sum() > 0 else float("nan")


def table(rows: list[tuple[float, ...]], columns: int) -> np.ndarray:
    """Return rows of statistics as float64 [N, K], with K columns even when there is no row."""
    return np.array(rows, np.float64).reshape(-1, columns)
