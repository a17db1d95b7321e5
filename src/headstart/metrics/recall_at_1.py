"""Recall at 1: the share of rows whose right text is found in the first place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.base.spec import MetricSpec
from headstart.metrics.sums import SumMetric, table


@dataclass(frozen=True, kw_only=True)
class RecallAt1(SumMetric, MetricSpec):
    """Truth is the place that the right text should have, 1; a prediction is the place that it has, from 1."""

    task: ClassVar[str] = "retrieve"

    def statistics(self, truth: Sequence[int], predicted: Sequence[int]) -> np.ndarray:
        """Return (whether the right text comes first, 1) of each row."""
        return table([(rank == wanted, 1) for wanted, rank in zip(truth, predicted, strict=True)], 2)

    def value(self, sums_K: np.ndarray) -> float:
        """Return the share."""
        return float(sums_K[0] / sums_K[1]) if sums_K[1] > 0 else float("nan")
