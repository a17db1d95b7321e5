"""Entity F1: micro F1 over exact spans with their labels, as conlleval counts (Tjong Kim Sang, De Meulder 2003)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec

Spans = Sequence[tuple[int, int, str]]  # (start, end, label)


@dataclass(frozen=True, kw_only=True)
class EntityF1(SumMetric, MetricSpec):
    """`score` equals `seqeval.metrics.f1_score` on the tags of the spans; 0 where neither side has a span."""

    task: ClassVar[str] = "tag"

    def statistics(self, truth: Sequence[Spans], predicted: Sequence[Spans]) -> np.ndarray:
        """Return (spans found with the right label, true spans, predicted spans) of each row; repeated ones count once.

        Spans are (start, end, label), in any order.
        """
        pairs = [(set(map(tuple, gold)), set(map(tuple, said))) for gold, said in zip(truth, predicted, strict=True)]
        return table([(len(gold & said), len(gold), len(said)) for gold, said in pairs], 3)

    def value(self, sums_K: np.ndarray) -> float:
        """Return 2 * hits / (true + predicted), in [0, 1]."""
        hits, gold, said = sums_K
        return float(2 * hits / (gold + said)) if gold + said > 0 else 0.0

    def constant(self, truth: Sequence[Spans]) -> Spans | None:
        """Return the spans that score best as the answer to all rows, or None where no row has a span.

        The more rows have a span, the more it adds: the best answer of k spans is the k most frequent ones.
        """
        times = Counter(span for gold in truth for span in set(map(tuple, gold)))
        ordered = sorted(times, key=lambda span: (-times[span], span))
        if not ordered:
            return None
        hits_K, gold = np.cumsum([times[span] for span in ordered]), times.total()
        said_K = len(truth) * np.arange(1, len(ordered) + 1)
        return tuple(ordered[: int((hits_K / (gold + said_K)).argmax()) + 1])

    def shown(self, answer: Spans) -> str:
        """Return each span as its label with the characters from and to, `PS 0–3`."""
        return ", ".join(f"{label} {start}–{end}" for start, end, label in answer)
