"""Exact match of answers after SQuAD's normal form, best of the right answers (Rajpurkar, Jia, Liang 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import MetricSpec
from headstart.metrics.answer_f1 import AnswerMetric


@dataclass(frozen=True, kw_only=True)
class ExactMatch(AnswerMetric, MetricSpec):
    """`score` is `exact` of SQuAD 2.0's evaluation divided by 100."""

    task: ClassVar[str] = "answer"

    def agreement(self, right: list[str], said: list[str]) -> float:
        """Return 1 when the words are the same, else 0."""
        return float(right == said)
