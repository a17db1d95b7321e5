"""Tag accuracy: the share of true spans (words) whose exact span got the right label; part of speech by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec
from headstart.metrics.entity_f1 import Spans


@dataclass(frozen=True, kw_only=True)
class TagAccuracy(SumMetric, MetricSpec):
    """A true span that was not predicted counts as wrong; other predicted spans do not count."""

    task: ClassVar[str] = "tag"

    def statistics(self, truth: Sequence[Spans], predicted: Sequence[Spans]) -> np.ndarray:
        """Return (spans labelled right, true spans) of each row.

        Spans are (start, end, label), in any order; of several predicted labels for one span the last counts.
        """
        rows = []
        for gold, said in zip(truth, predicted, strict=True):
            label_of = {(start, end): label for start, end, label in said}
            rows.append((sum(label_of.get((start, end)) == label for start, end, label in gold), len(gold)))
        return table(rows, 2)

    def value(self, sums_K: np.ndarray) -> float:
        """Return right / true, in [0, 1]; nan where there is no true span."""
        right, gold = sums_K
        return float(right / gold) if gold > 0 else float("nan")
