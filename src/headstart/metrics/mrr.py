"""Mean reciprocal rank: the mean of one through the place of the right text (Voorhees, TREC-8 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.base.spec import MetricSpec
from headstart.metrics.sums import SumMetric, table


@dataclass(frozen=True, kw_only=True)
class MeanReciprocalRank(SumMetric, MetricSpec):
    """Truth is the place that the right text should have, 1; a prediction is the place that it has, from 1."""

    task: ClassVar[str] = "retrieve"

    def statistics(self, truth: Sequence[int], predicted: Sequence[int]) -> np.ndarray:
        """Return (reciprocal rank, 1) of each row."""
        return table([(wanted / rank, 1) for wanted, rank in zip(truth, predicted, strict=True)], 2)

    def value(self, sums_K: np.ndarray) -> float:
        """Return the mean."""
        return float(sums_K[0] / sums_K[1]) if sums_K[1] > 0 else float("nan")
