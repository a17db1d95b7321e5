"""Scores as one value per block of test rows: what intervals and paired tests are made from.

Metrics that are no mean over rows enter through a grouped jackknife (Shao and Wu, Annals of Statistics 17, 1989), with
the same blocks of test rows for every model, so that one formula serves accuracy and macro-F1 alike.

Shapes: C classes, G blocks of test rows, K distinct (true class, predicted class) pairs, N test rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headstart.base.seeds import numpy_generator
from headstart.base.spec import MetricSpec
from headstart.metrics.counts import CountMetric

BLOCKS = 100  # the variance over 100 blocks has a relative error of 14 %, which the t quantile accounts for


@dataclass(frozen=True)
class TestBlocks:
    """Which block each test row belongs to: block_N int64 [N]; count = G. The same for every model."""

    __test__ = False  # no test case of pytest's
    block_N: np.ndarray
    count: int

    @classmethod
    def make(cls, rows: int, groups: Sequence[str] | None = None, seed: int = 0) -> TestBlocks:
        """Deal `rows` test rows, or whole groups of them, at random into at most `BLOCKS` blocks of equal size."""
        group_N = np.arange(rows) if groups is None else np.unique(list(groups), return_inverse=True)[1]
        units = int(group_N.max()) + 1 if rows else 0
        count = min(BLOCKS, units)
        place = numpy_generator(seed, "blocks").permutation(units) % max(count, 1)
        return cls(place[group_N], count)

    def take(self, rows_N: np.ndarray) -> TestBlocks:
        """Return the blocks of the rows where `rows_N` (bool [N]) holds; blocks may become empty."""
        return TestBlocks(self.block_N[rows_N], self.count)

    def within(self, rows_N: np.ndarray) -> int:
        """Return how many blocks have rows where `rows_N` (bool [N]) holds."""
        return len(np.unique(self.block_N[rows_N]))

    def weights(self) -> np.ndarray:
        """Return rows per block, float [G]."""
        return np.bincount(self.block_N, minlength=self.count).astype(float)


@dataclass(frozen=True, eq=False)
class Evidence:
    """One value per block, float [G], whose mean is the score and whose spread is that of the test rows.

    truth_N: true class of the test rows. For accuracy and equal blocks the values are the accuracies within the blocks.
    A metric of class counts is scored for all blocks in one go, another one block by block.
    """

    metric: MetricSpec
    truth_N: np.ndarray
    blocks: TestBlocks

    @cached_property
    def _classes(self) -> int:
        return int(self.truth_N.max(initial=0)) + 1

    @cached_property
    def _truth_GC(self) -> np.ndarray:
        return self._count(self.truth_N, self._classes)

    def _count(self, class_N: np.ndarray, classes: int, rows_N: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return how often each class occurs in each block, [G, C]."""
        places = self.blocks.block_N[rows_N] * classes + class_N[rows_N]
        return np.bincount(places, minlength=self.blocks.count * classes).reshape(-1, classes).astype(float)

    def of(self, predicted_N: np.ndarray) -> np.ndarray:
        """Return the values [G] of these answers."""
        predicted_N = np.asarray(predicted_N, np.int64)
        if isinstance(self.metric, CountMetric):
            true_GC, said_GC = self._counts(predicted_N)
            hits_GC = self._count(predicted_N, true_GC.shape[1], predicted_N == self.truth_N)
            return self._counted(hits_GC, true_GC, said_GC)
        table = Table.make(self.truth_N, predicted_N, self.blocks)
        return jackknife(table.counts_GK, self.blocks.weights(), table.scored(self.metric))

    def constant(self, answer: int) -> np.ndarray:
        """Return the values [G] of a model that always answers `answer`."""
        return self.of(np.full(len(self.truth_N), answer))

    def chance(self, predicted_N: np.ndarray) -> np.ndarray:
        """Return the values [G] of the same answers dealt to the rows at random (expected counts of independence).

        Macro-F1 rewards guesses over a constant answer, so that 'better than one constant answer' alone is no learning.
        """
        predicted_N = np.asarray(predicted_N, np.int64)
        if isinstance(self.metric, CountMetric):
            return self._counted(None, *self._counts(predicted_N))
        table = Table.make(self.truth_N, predicted_N, self.blocks)
        return jackknife(table.counts_GK, self.blocks.weights(), table.scored_by_chance(self.metric))

    def _counts(self, predicted_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return true and predicted classes by block, two [G, C]."""
        classes = max(self._classes, int(predicted_N.max(initial=0)) + 1)
        true_GC = np.pad(self._truth_GC, ((0, 0), (0, classes - self._classes)))
        return true_GC, self._count(predicted_N, classes)

    def _counted(self, hits_GC: np.ndarray | None, true_GC: np.ndarray, said_GC: np.ndarray) -> np.ndarray:
        """Return the values [G] of a metric of counts; without hits those that independence would give."""
        occurs_C = (true_GC.sum(0) + said_GC.sum(0)) > 0
        true_XC, said_XC = (_whole_and_without(counts_GC[:, occurs_C]) for counts_GC in (true_GC, said_GC))
        if hits_GC is None:
            hits_XC = true_XC * said_XC / np.maximum(true_XC.sum(1, keepdims=True), 1e-300)
        else:
            hits_XC = _whole_and_without(hits_GC[:, occurs_C])
        scores_X = self.metric.of_counts(hits_XC, true_XC, said_XC)
        return _values(scores_X[0], scores_X[1:], true_GC.sum(1))


def _whole_and_without(counts_GC: np.ndarray) -> np.ndarray:
    """Return the sum over all blocks, then the sums without one block each, [1 + G, C]."""
    whole_C = counts_GC.sum(0)
    return np.vstack([whole_C, whole_C - counts_GC])


def _values(whole: float, without_G: np.ndarray, rows_G: np.ndarray) -> np.ndarray:
    """Return score + G (N - n_g) / N (score - score without block g), centred, float [G]; n_g rows in block g."""
    if len(rows_G) < 2:
        return np.array([whole])
    change_G = len(rows_G) * (1 - rows_G / rows_G.sum()) * (whole - without_G)
    return whole + change_G - change_G.mean()


def jackknife(sums_GX: np.ndarray, rows_G: np.ndarray, scored: Callable[[np.ndarray], float]) -> np.ndarray:
    """Return the values [G] of a score of sums [X], from the sums of each block and its number of rows."""
    whole_X = sums_GX.sum(0)
    without_G = np.array([scored(whole_X - sums_X) for sums_X in sums_GX])
    return _values(float(scored(whole_X)), without_G, rows_G)


@dataclass(frozen=True)
class Table:
    """Counts of (true class, predicted class) pairs by block: truth_K, predicted_K, counts_GK.

    A metric of labels depends on nothing else, so that it is scored on K weighted pairs instead of N rows.
    """

    truth_K: np.ndarray
    predicted_K: np.ndarray
    counts_GK: np.ndarray

    @classmethod
    def make(cls, truth_N: np.ndarray, predicted_N: np.ndarray, blocks: TestBlocks) -> Table:
        """Count the pairs of each block."""
        width = int(max(truth_N.max(), predicted_N.max())) + 1
        codes, place_N = np.unique(truth_N * width + predicted_N, return_inverse=True)
        flat = np.bincount(blocks.block_N * len(codes) + place_N, minlength=blocks.count * len(codes))
        return cls(codes // width, codes % width, flat.reshape(blocks.count, len(codes)).astype(float))

    def scored(self, metric: MetricSpec) -> Callable[[np.ndarray], float]:
        """Return the score of pair counts [K]."""
        return lambda counts_K: metric.score(self.truth_K, self.predicted_K, counts_K)

    def scored_by_chance(self, metric: MetricSpec) -> Callable[[np.ndarray], float]:
        """Return the score of the counts that independence of truth and answer would give, for pair counts [K]."""
        truth, t_K = np.unique(self.truth_K, return_inverse=True)
        answers, p_K = np.unique(self.predicted_K, return_inverse=True)
        truth_X, answer_X = np.repeat(truth, len(answers)), np.tile(answers, len(truth))

        def scored(counts_K: np.ndarray) -> float:
            expected = np.outer(np.bincount(t_K, counts_K), np.bincount(p_K, counts_K)) / counts_K.sum()
            return metric.score(truth_X, answer_X, expected.ravel())

        return scored
