"""Label ranking average precision: are the labels of a row ranked before the others? (Tsoumakas et al. 2010)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import rankdata

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec
from headstart.metrics.micro_f1 import Answer, Labels


@dataclass(frozen=True, kw_only=True)
class Lrap(SumMetric, MetricSpec):
    """`score` equals `sklearn.metrics.label_ranking_average_precision_score`: rows with no label or all count 1.

    A true label without a score, one that the training rows did not have, ranks last.
    """

    task: ClassVar[str] = "multilabel"

    def statistics(self, truth: Sequence[Labels], predicted: Sequence[Answer]) -> np.ndarray:
        """Return (average precision, 1) of each row."""
        return table(
            [(_precision(set(gold), said["scores"]), 1) for gold, said in zip(truth, predicted, strict=True)], 2
        )

    def value(self, sums_K: np.ndarray) -> float:
        """Return the mean; nan without a row."""
        return float(sums_K[0] / sums_K[1]) if sums_K[1] > 0 else float("nan")


def _precision(gold: set[str], scores: dict[str, float]) -> float:
    """Return the mean over true labels of the share of true ones among those ranked as high; ties count as such."""
    names = [*scores, *sorted(gold - set(scores))]
    true_C = np.array([name in gold for name in names], bool)
    if true_C.all() or not true_C.any():
        return 1.0
    fall_C = -np.array([scores.get(name, -1.0) for name in names])
    rank_C = rankdata(fall_C, "max")[true_C]
    return float((rankdata(fall_C[true_C], "max") / rank_C).mean())
