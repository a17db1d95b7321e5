"""Scores as one value per block of test rows: what intervals and paired tests are made from.

A metric that is not a mean over rows enters through a grouped jackknife (Shao and Wu, Annals of Statistics 17, 1989),
with the same blocks of test rows for every model, so that one formula serves accuracy, macro-F1 and correlations alike.

Shapes: C classes, G blocks of test rows, K statistics or distinct (true class, predicted class) pairs, N test rows,
X = 1 + G weightings of the test rows: all blocks, then all blocks but one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.core.metric_contracts import CountMetric, SumMetric
from headstart.core.seeds import numpy_generator
from headstart.core.spec import MetricSpec

BLOCKS = 100  # the variance over 100 blocks has a relative error of 14 %, which the t quantile accounts for
DEALS = 4  # random deals of the answers that stand for guessing, for a metric that is not computed from class counts


@dataclass(frozen=True)
class TestBlocks:
    """The block of each test row: block_N int64 [N]; count = G. The same for every model."""

    __test__ = False  # no test case of pytest's
    block_N: np.ndarray
    count: int

    @classmethod
    def make(cls, rows: int, groups: Sequence[str] | None = None, seed: int = 0) -> TestBlocks:
        """Deal `rows` test rows, or whole groups of them, at random into at most `BLOCKS` blocks of equal size."""
        group_N = np.arange(rows) if groups is None else np.unique(list(groups), return_inverse=True)[1]
        units = len(np.unique(group_N))
        count = min(BLOCKS, units)
        place = numpy_generator(seed, "blocks").permutation(units) % count
        return cls(place[group_N], count)

    def take(self, rows_N: np.ndarray) -> TestBlocks:
        """Return the blocks of the rows where `rows_N` (bool [N]) holds; blocks may become empty."""
        return TestBlocks(self.block_N[rows_N], self.count)

    def within(self, rows_N: np.ndarray) -> int:
        """Return how many blocks have rows where `rows_N` (bool [N]) holds."""
        return len(np.unique(self.block_N[rows_N]))

    def weights(self) -> np.ndarray:
        """Return the number of rows of each block, float [G]."""
        return np.bincount(self.block_N, minlength=self.count).astype(float)

    def sums(self, statistics_NK: np.ndarray) -> np.ndarray:
        """Return the sums of the rows' statistics over each block, float [G, K]."""
        columns = [np.bincount(self.block_N, column_N, self.count) for column_N in statistics_NK.T]
        return np.stack(columns, axis=1)


def taken(values: np.ndarray | Sequence[Any], rows_N: np.ndarray) -> np.ndarray | list[Any]:
    """Return the values of the test rows where `rows_N` (bool [N]) holds."""
    if isinstance(values, np.ndarray):
        return values[rows_N]
    return [values[row] for row in np.flatnonzero(rows_N)]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Values by block, float [G], whose mean is the score and whose spread is the spread over test rows.

    truth: of the test rows as `Study.truth`; answers of a model have the same form. How a metric is computed without
    each block: a `CountMetric` from class counts, for all blocks at once (for accuracy and equal blocks the values are
    the accuracies within the blocks); a `SumMetric` from the sums of its statistics; another metric of classes from
    counts of (true, predicted) pairs; any other metric is scored again with weight 0 for the block. An undefined score,
    such as the correlation of constant answers, counts as 0.
    """

    metric: MetricSpec | CountMetric
    truth: np.ndarray | Sequence[Any]
    blocks: TestBlocks

    def told(self, answers: np.ndarray | Sequence[Any]) -> np.ndarray | Sequence[Any]:
        """Return what these answers tell of each row: statistics [N, K] of a metric of sums, else the answers."""
        return self.metric.statistics(self.truth, answers) if isinstance(self.metric, SumMetric) else answers

    def of(self, answers: np.ndarray | Sequence[Any]) -> np.ndarray:
        """Return the values [G] of these answers."""
        return self.of_told(self.told(answers))

    def of_told(self, told: np.ndarray | Sequence[Any]) -> np.ndarray:
        """Return the values [G] of answers from what they tell of each row, see `told`."""
        if isinstance(self.metric, SumMetric):
            return self._of_sums(told)
        answers = told
        if isinstance(self.metric, CountMetric):
            return self._of_counts(np.asarray(answers, np.int64))
        if self._has_classes:
            pairs = PairCounts.make(self.truth, np.asarray(answers, np.int64), self.blocks)
            return jackknife(pairs.counts_GK, self.blocks.weights(), pairs.scored(self.metric))
        without_G = [self._score(answers, self.blocks.block_N != block) for block in range(self.blocks.count)]
        return _values(self._score(answers), np.array(without_G), self.blocks.weights())

    def constant(self, answer: Any) -> np.ndarray:
        """Return the values [G] of a model that always gives one answer, the number of a class or a text."""
        return self.of(np.full(len(self.truth), answer) if self._has_classes else [answer] * len(self.truth))

    def chance(self, answers: np.ndarray | Sequence[Any]) -> np.ndarray:
        """Return the values [G] of the same answers dealt to the rows at random.

        They are the expected counts of independence for classes, else the mean of `DEALS` deals (`MetricSpec.guessed`).
        Macro-F1 rewards guesses over a constant answer: to beat the best constant answer alone is no learning.
        """
        if isinstance(self.metric, CountMetric):
            return self._by_counts(None, *self._counts(np.asarray(answers, np.int64)))
        if self._has_classes and not isinstance(self.metric, SumMetric):
            pairs = PairCounts.make(self.truth, np.asarray(answers, np.int64), self.blocks)
            return jackknife(pairs.counts_GK, self.blocks.weights(), pairs.scored_by_chance(self.metric))
        randoms = [numpy_generator(0, "dealt answers", deal) for deal in range(DEALS)]
        deals = [self.metric.guessed(self.truth, answers, random) for random in randoms]
        if isinstance(self.metric, SumMetric):
            return self._of_sums(sum(map(self.told, deals)))
        return np.full(self.blocks.count, np.mean([self._score(dealt) for dealt in deals]))

    @property
    def _has_classes(self) -> bool:
        return isinstance(self.truth, np.ndarray) and self.truth.dtype.kind == "i"

    def _score(self, answers: np.ndarray | Sequence[Any], rows_N: np.ndarray | None = None) -> float:
        return _defined(self.metric.score(self.truth, answers, None if rows_N is None else rows_N.astype(float)))

    def _of_sums(self, statistics_NK: np.ndarray) -> np.ndarray:
        """Return the values [G] of a metric of sums."""
        sums_GK = self.blocks.sums(statistics_NK)
        return jackknife(sums_GK, self.blocks.weights(), lambda sums_K: _defined(self.metric.value(sums_K)))

    def _count(self, class_N: np.ndarray, classes: int, rows_N: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return how often each class occurs in each block, [G, C]."""
        places = self.blocks.block_N[rows_N] * classes + class_N[rows_N]
        return np.bincount(places, minlength=self.blocks.count * classes).reshape(-1, classes).astype(float)

    def _of_counts(self, predicted_N: np.ndarray) -> np.ndarray:
        true_GC, predicted_GC = self._counts(predicted_N)
        hits_GC = self._count(predicted_N, true_GC.shape[1], predicted_N == self.truth)
        return self._by_counts(hits_GC, true_GC, predicted_GC)

    def _counts(self, predicted_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return true and predicted classes by block, two [G, C]."""
        classes = int(np.concatenate([self.truth, predicted_N]).max(initial=0)) + 1
        return self._count(self.truth, classes), self._count(predicted_N, classes)

    def _by_counts(self, hits_GC: np.ndarray | None, true_GC: np.ndarray, predicted_GC: np.ndarray) -> np.ndarray:
        """Return the values [G] of a metric of counts; without hits, of the hits that independence would give."""
        occurs_C = (true_GC.sum(0) + predicted_GC.sum(0)) > 0
        true_XC, predicted_XC = (_whole_and_without(counts_GC[:, occurs_C]) for counts_GC in (true_GC, predicted_GC))
        if hits_GC is None:
            hits_XC = true_XC * predicted_XC / np.maximum(true_XC.sum(1, keepdims=True), 1e-300)
        else:
            hits_XC = _whole_and_without(hits_GC[:, occurs_C])
        scores_X = self.metric.of_counts(hits_XC, true_XC, predicted_XC)
        return _values(scores_X[0], scores_X[1:], true_GC.sum(1))


def _defined(score: float) -> float:
    """Return a score, 0 where it is undefined."""
    return 0.0 if math.isnan(score) else score


def _whole_and_without(counts_GC: np.ndarray) -> np.ndarray:
    """Return the sum over all blocks, then the sums without one block each, [X, C]."""
    whole_C = counts_GC.sum(0)
    return np.vstack([whole_C, whole_C - counts_GC])


def _values(whole: float, without_G: np.ndarray, rows_G: np.ndarray) -> np.ndarray:
    """Return score + G (N - n_g) / N (score - score without block g), centred, float [G]; n_g rows in block g."""
    if len(rows_G) < 2:
        return np.array([whole])
    change_G = len(rows_G) * (1 - rows_G / rows_G.sum()) * (whole - without_G)
    return whole + change_G - change_G.mean()


def jackknife(sums_GX: np.ndarray, rows_G: np.ndarray, scored: Callable[[np.ndarray], float]) -> np.ndarray:
    """Return the values [G] of a score of sums, from the sums of each block, [G, any], and its number of rows."""
    whole_X = sums_GX.sum(0)
    without_G = np.array([scored(whole_X - sums_X) for sums_X in sums_GX])
    return _values(float(scored(whole_X)), without_G, rows_G)


@dataclass(frozen=True)
class PairCounts:
    """Counts of (true class, predicted class) pairs by block: truth_K, predicted_K, counts_GK.

    A metric of classes depends on nothing else, so that it is scored on K weighted pairs instead of N rows.
    """

    truth_K: np.ndarray
    predicted_K: np.ndarray
    counts_GK: np.ndarray

    @classmethod
    def make(cls, truth_N: np.ndarray, predicted_N: np.ndarray, blocks: TestBlocks) -> PairCounts:
        """Count the pairs of each block."""
        width = int(max(truth_N.max(), predicted_N.max())) + 1
        codes, place_N = np.unique(truth_N * width + predicted_N, return_inverse=True)
        flat = np.bincount(blocks.block_N * len(codes) + place_N, minlength=blocks.count * len(codes))
        return cls(codes // width, codes % width, flat.reshape(blocks.count, len(codes)).astype(float))

    def scored(self, metric: MetricSpec) -> Callable[[np.ndarray], float]:
        """Return the score as a function of pair counts [K]."""
        return lambda counts_K: metric.score(self.truth_K, self.predicted_K, counts_K)

    def scored_by_chance(self, metric: MetricSpec) -> Callable[[np.ndarray], float]:
        """Return the score under independence of truth and answer as a function of pair counts [K]."""
        truth, t_K = np.unique(self.truth_K, return_inverse=True)
        answers, p_K = np.unique(self.predicted_K, return_inverse=True)
        truth_X, answer_X = np.repeat(truth, len(answers)), np.tile(answers, len(truth))

        def scored(counts_K: np.ndarray) -> float:
            expected = np.outer(np.bincount(t_K, counts_K), np.bincount(p_K, counts_K)) / counts_K.sum()
            return metric.score(truth_X, answer_X, expected.ravel())

        return scored
