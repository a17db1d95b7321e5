"""Macro-F1 of label sets: the F1 of each label that occurs (in truth or answers), averaged with equal weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric
from headstart.core.spec import MetricSpec
from headstart.metrics.micro_f1 import Answer, Labels


@dataclass(frozen=True, kw_only=True)
class LabelMacroF1(SumMetric, MetricSpec):
    """`score` equals `sklearn.metrics.f1_score(average="macro", zero_division=0)` on label matrices."""

    task: ClassVar[str] = "multilabel"

    def statistics(self, truth: Sequence[Labels], predicted: Sequence[Answer]) -> np.ndarray:
        """Return (is true and said, is true, is said) of each label in each row, [N, 3 C]; C labels that occur."""
        rows = [(set(gold), set(said["labels"])) for gold, said in zip(truth, predicted, strict=True)]
        place = {name: at for at, name in enumerate(sorted({one for pair in rows for side in pair for one in side}))}
        out_N3C = np.zeros((len(rows), 3, len(place)))
        for row, (gold, said) in enumerate(rows):
            for part, names in enumerate((gold & said, gold, said)):
                out_N3C[row, part, [place[name] for name in names]] = 1
        return out_N3C.reshape(len(rows), 3 * len(place))

    def value(self, sums_K: np.ndarray) -> float:
        """Return the mean of 2 * hits / (true + said) over labels, in [0, 1]; 0 without a label."""
        hits_C, gold_C, said_C = sums_K.reshape(3, -1)
        both_C = gold_C + said_C
        return (
            float(np.divide(2 * hits_C, both_C, out=np.zeros_like(both_C), where=both_C > 0).mean())
            if len(both_C)
            else 0.0
        )
