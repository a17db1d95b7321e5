"""Word F1 of answers after SQuAD's normal form, best of the right answers (Rajpurkar, Jia, Liang 2018)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from headstart.base.spec import MetricSpec
from headstart.metrics.answers import AnswerMetric


@dataclass(frozen=True, kw_only=True)
class AnswerF1(AnswerMetric, MetricSpec):
    """`score` is `f1` of SQuAD 2.0's evaluation divided by 100; words are split at blanks, in Korean too."""

    task: ClassVar[str] = "answer"

    def agreement(self, right: list[str], said: list[str]) -> float:
        """Return the F1 of the words as bags, 1 when there is no word on both sides."""
        return 2 * (Counter(right) & Counter(said)).total() / (len(right) + len(said)) if right or said else 1.0
