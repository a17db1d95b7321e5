"""Contracts of metrics that a bootstrap computes in one pass: sums of statistics (recall at k too), class counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np


class SumMetric(ABC):
    """A metric that depends on the rows only through (weighted) sums of `statistics`; `value` turns sums into a score.

    R resamples cost one matrix product: `[metric.value(sums_K) for sums_K in weights_RN @ statistics_NK]`.
    """

    @abstractmethod
    def statistics(self, truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Return what each row adds to the sums, float64 [N, K]."""

    @abstractmethod
    def value(self, sums_K: np.ndarray) -> float:
        """Return the score of summed statistics."""

    def score(self, truth: Sequence[Any], predicted: Sequence[Any], weight_N: np.ndarray | None = None) -> float:
        """Return the score of all rows; nan for no rows or no weight.

        weight_N: how often each row counts, as a bootstrap draw gives; None counts each row once.
        """
        statistics_NK = self.statistics(truth, predicted)
        weight_N = np.ones(len(statistics_NK)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
        return self.value(weight_N @ statistics_NK) if weight_N.sum() > 0 else float("nan")


class SetF1(SumMetric):
    """Micro-F1 of sets: 2 hits / (true + said), the members of all rows counted together; 0 where no side has one."""

    @abstractmethod
    def sets(self, truth: Sequence[Any], predicted: Sequence[Any]) -> Iterable[tuple[set[Any], set[Any]]]:
        """Return the true set and the said set of each row."""

    def statistics(self, truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        """Return (members that are true and said, true members, said members) of each row; repeated ones count once."""
        return table([(len(gold & said), len(gold), len(said)) for gold, said in self.sets(truth, predicted)], 3)

    def value(self, sums_K: np.ndarray) -> float:
        """Return 2 * hits / (true + said), in [0, 1]."""
        hits, gold, said = sums_K
        return float(2 * hits / (gold + said)) if gold + said > 0 else 0.0


def best_members(truth: Sequence[Iterable[Any]]) -> tuple[Any, ...]:
    """Return the set that has the best `SetF1` as the answer to all rows, the most frequent member first.

    The more rows have a member, the more it adds: the best k members are the k most frequent ones.
    """
    times = Counter(member for gold in truth for member in set(gold))
    ordered = sorted(times, key=lambda member: (-times[member], member))
    if not ordered:
        return ()
    hits_K, said_K = np.cumsum([times[member] for member in ordered]), len(truth) * np.arange(1, len(ordered) + 1)
    return tuple(ordered[: int((hits_K / (times.total() + said_K)).argmax()) + 1])


class RecallAt(SumMetric):
    """The share of rows whose right item is among the first k.

    Truth is how many items were searched for one that is right; a prediction is the rank of the right item, from 1.
    first: k.
    """

    first: ClassVar[int]

    def statistics(self, truth: Sequence[int], predicted: Sequence[int]) -> np.ndarray:
        """Return (whether the right item is among the first k, 1) of each row."""
        return table([(rank <= self.first, 1) for _, rank in zip(truth, predicted, strict=True)], 2)

    def value(self, sums_K: np.ndarray) -> float:
        """Return the share."""
        return float(sums_K[0] / sums_K[1]) if sums_K[1] > 0 else float("nan")

    def guessed(self, truth: Sequence[int], predicted: Sequence[int], random: np.random.Generator) -> list[int]:
        """Return the places that right items have in random orders of those that were searched."""
        return random.integers(1, np.asarray(truth, np.int64) + 1).tolist()


class CountMetric(ABC):
    """A metric of classes that depends on class counts alone: right, true and predicted rows of each class.

    `of_counts` scores many weightings of the same rows at once; it agrees with the metric's `score`.
    """

    @abstractmethod
    def of_counts(self, hits_XC: np.ndarray, true_XC: np.ndarray, said_XC: np.ndarray) -> np.ndarray:
        """Return X scores from the weighted numbers of rows whose class is predicted rightly, true, and predicted.

        The C classes are those that occur in truth or prediction, whatever their weight.
        """


def share_of_hits(hits_XC: np.ndarray, true_XC: np.ndarray) -> np.ndarray:
    """Return X shares of rows whose class is predicted rightly; not-a-number where there is no row."""
    rows_X = true_XC.sum(1)
    return np.divide(hits_XC.sum(1), rows_X, out=np.full(len(rows_X), np.nan), where=rows_X > 0)


def table(rows: list[tuple[float, ...]], columns: int) -> np.ndarray:
    """Return rows of statistics as float64 [N, K], with K columns even when there is no row."""
    return np.array(rows, np.float64).reshape(-1, columns)
