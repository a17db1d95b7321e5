"""Mean reciprocal rank: the mean of 1 / rank of the right item (Voorhees, TREC-8 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec


@dataclass(frozen=True, kw_only=True)
class MeanReciprocalRank(SumMetric, MetricSpec):
    """Truth is how many items were searched; a prediction is the rank of the right item, from 1."""

    task: ClassVar[str] = "retrieve"

    def statistics(self, truth: Sequence[int], predicted: Sequence[int]) -> np.ndarray:
        """Return (reciprocal rank, 1) of each row."""
        return table([(1 / rank, 1) for _, rank in zip(truth, predicted, strict=True)], 2)

    def value(self, sums_K: np.ndarray) -> float:
        """Return the mean."""
        return float(sums_K[0] / sums_K[1]) if sums_K[1] > 0 else float("nan")

    def guessed(self, truth: Sequence[int], predicted: Sequence[int], random: np.random.Generator) -> list[int]:
        """Return the places that right items have in random orders of those that were searched."""
        return random.integers(1, np.asarray(truth, np.int64) + 1).tolist()
