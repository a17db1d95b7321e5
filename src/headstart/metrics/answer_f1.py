"""Word F1 of answers after SQuAD's normal form, best of the right answers (Rajpurkar, Jia, Liang 2018)."""

from __future__ import annotations

import re
import string
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normal_tokens(text: str) -> list[str]:
    """Return the words of an answer as SQuAD's evaluation compares them: no case, ASCII punctuation or articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


class AnswerMetric(SumMetric):
    """The mean over questions of the best `agreement` with a right answer, in [0, 1] (SQuAD prints it times 100).

    The truth of a question is a tuple of right texts, empty when it has no answer; the prediction is a text, "" for
    'no answer'. Right texts that normalise to nothing do not count, as in SQuAD's evaluation.
    """

    @abstractmethod
    def agreement(self, right: list[str], said: list[str]) -> float:
        """Return the agreement of the words of an answer with the words of one right answer, in [0, 1]."""

    def statistics(self, truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> np.ndarray:
        """Return (best agreement, 1) of each question."""
        rows = []
        for right, answer in zip(truth, predicted, strict=True):
            wanted = [tokens for tokens in map(normal_tokens, right) if tokens] or [[]]
            said = normal_tokens(answer)
            rows.append((max(self.agreement(tokens, said) for tokens in wanted), 1))
        return table(rows, 2)

    def value(self, sums_K: np.ndarray) -> float:
        """Return the mean agreement."""
        return float(sums_K[0] / sums_K[1]) if sums_K[1] > 0 else float("nan")

    def constant(self, truth: Sequence[Sequence[str]]) -> str:
        """Return 'no answer', which is right wherever a question has none."""
        return ""


@dataclass(frozen=True, kw_only=True)
class AnswerF1(AnswerMetric, MetricSpec):
    """`score` is `f1` of SQuAD 2.0's evaluation divided by 100; words are split at blanks, in Korean too."""

    task: ClassVar[str] = "answer"

    def agreement(self, right: list[str], said: list[str]) -> float:
        """Return the F1 of the bags of words, 1 when both are empty."""
        return 2 * (Counter(right) & Counter(said)).total() / (len(right) + len(said)) if right or said else 1.0
