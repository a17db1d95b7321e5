"""Micro-F1 of label sets: 2 hits / (true + said labels), all labels of all rows counted together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.metric_contracts import SetF1, best_members
from headstart.core.spec import MetricSpec

Labels = Sequence[str]
Answer = dict[str, Any]  # {"labels": said, "scores": by label}


@dataclass(frozen=True, kw_only=True)
class MicroF1(SetF1, MetricSpec):
    """`score` equals `sklearn.metrics.f1_score(average="micro")` on label matrices; 0 where no side has a label."""

    task: ClassVar[str] = "multilabel"

    def sets(self, truth: Sequence[Labels], predicted: Sequence[Answer]) -> list[tuple[set[str], set[str]]]:
        """See `SetF1`."""
        return [(set(gold), set(said["labels"])) for gold, said in zip(truth, predicted, strict=True)]

    def constant(self, truth: Sequence[Labels]) -> Answer | None:
        """Return the labels that score best as the answer to all rows, or None where no row has a label."""
        best = best_members(truth)
        times = Counter(label for gold in truth for label in set(gold))
        return {"labels": list(best), "scores": {name: times[name] / len(truth) for name in times}} if best else None

    def shown(self, answer: Answer) -> str:
        """Return the labels."""
        return ", ".join(answer["labels"])
