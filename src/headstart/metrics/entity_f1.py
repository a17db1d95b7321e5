"""Entity F1: micro F1 over exact spans with their labels, as conlleval counts (Tjong Kim Sang, De Meulder 2003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.metric_contracts import SetF1, best_members
from headstart.core.spec import MetricSpec

Spans = Sequence[tuple[int, int, str]]  # (start, end, label)


@dataclass(frozen=True, kw_only=True)
class EntityF1(SetF1, MetricSpec):
    """`score` equals `seqeval.metrics.f1_score` on the tags of the spans; 0 where neither side has a span."""

    task: ClassVar[str] = "tag"

    def sets(self, truth: Sequence[Spans], predicted: Sequence[Spans]) -> list[tuple[set[Any], set[Any]]]:
        """See `SetF1`; spans are (start, end, label), in any order."""
        return [(set(map(tuple, gold)), set(map(tuple, said))) for gold, said in zip(truth, predicted, strict=True)]

    def constant(self, truth: Sequence[Spans]) -> Spans | None:
        """Return the spans that score best as the answer to all rows, or None where no row has a span."""
        return best_members([map(tuple, gold) for gold in truth]) or None

    def shown(self, answer: Spans) -> str:
        """Return each span as its label with the characters from and to, `PS 0–3`."""
        return ", ".join(f"{label} {start}–{end}" for start, end, label in answer)
