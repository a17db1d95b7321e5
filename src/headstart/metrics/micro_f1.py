"""Micro-F1 of label sets: 2 hits / (true + said labels), all labels of all rows counted together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec

Labels = Sequence[str]
Answer = dict[str, Any]  # {"labels": said, "scores": by label}


@dataclass(frozen=True, kw_only=True)
class MicroF1(SumMetric, MetricSpec):
    """`score` equals `sklearn.metrics.f1_score(average="micro")` on label matrices; 0 where no side has a label."""

    task: ClassVar[str] = "multilabel"

    def statistics(self, truth: Sequence[Labels], predicted: Sequence[Answer]) -> np.ndarray:
        """Return (labels that are true and said, true labels, said labels) of each row."""
        pairs = [(set(gold), set(said["labels"])) for gold, said in zip(truth, predicted, strict=True)]
        return table([(len(gold & said), len(gold), len(said)) for gold, said in pairs], 3)

    def value(self, sums_K: np.ndarray) -> float:
        """Return 2 * hits / (true + said), in [0, 1]."""
        hits, gold, said = sums_K
        return float(2 * hits / (gold + said)) if gold + said > 0 else 0.0

    def constant(self, truth: Sequence[Labels]) -> Answer | None:
        """Return the labels that score best as the answer to all rows, or None where no row has a label.

        The more rows have a label, the more it adds: the best k labels are the k most frequent ones.
        """
        times = Counter(label for gold in truth for label in set(gold))
        ordered = sorted(times, key=lambda label: (-times[label], label))
        if not ordered:
            return None
        hits_K, said_K = np.cumsum([times[label] for label in ordered]), len(truth) * np.arange(1, len(ordered) + 1)
        best = int((hits_K / (times.total() + said_K)).argmax()) + 1
        return {"labels": ordered[:best], "scores": {label: times[label] / len(truth) for label in ordered}}

    def shown(self, answer: Answer) -> str:
        """Return the labels."""
        return ", ".join(answer["labels"])
