"""Intervals and tests for scores that vary by label draw and by test row; every comparison is paired.

Model: the score of draw d on test block g is mu + draw_d + block_g + interaction_dg, both effects random (Cornfield and
Tukey, Annals of Mathematical Statistics 27, 1956; used for classifiers by Gallas, Academic Radiology 13, 2006).
Metrics that are no mean over rows enter through a grouped jackknife (Shao and Wu, Annals of Statistics 17, 1989), with
the same blocks of test rows for every model, so that one formula serves accuracy and macro-F1 alike.

Shapes: D draws, G blocks of test rows, K distinct (true class, predicted class) pairs, N test rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from headstart.base.seeds import numpy_generator

BLOCKS = 100  # the variance over 100 blocks has a relative error of 14 %, which the t quantile accounts for
FIXED = 0.999  # from this overlap on all draws are the same rows: nothing can be learnt about other label draws

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Estimate:
    """A mean with its uncertainty.

    error: standard error; freedom: degrees of freedom (Satterthwaite); both NaN when there are fewer than two draws.
    from_draws: share of the variance that comes from the label draws; the rest is the finite test set.
    """

    value: float
    error: float
    freedom: float
    from_draws: float

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Return the two-sided interval of level 1 - alpha."""
        half = float(stats.t.ppf(1 - alpha / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    def p_above(self) -> float:
        """Return the one-sided p-value against 'not above zero'; 1 when there is no standard error."""
        return 1.0 if np.isnan(self.error) else float(stats.t.sf(self.value / self.error, self.freedom))

    def p_differs(self) -> float:
        """Return the two-sided p-value against 'equals zero'; 1 when there is no standard error."""
        return 1.0 if np.isnan(self.error) else float(2 * stats.t.sf(abs(self.value) / self.error, self.freedom))


def estimate(values_DG: np.ndarray, overlap: float = 0.0, rows: int | None = None) -> Estimate:
    """Estimate the mean over all label draws and all test rows from `evidence` rows of D draws, [D, G].

    With S2 the variance of the draw means, M the interaction mean square and B the variance of the block means,
    the grand mean has the variance c (S2 - M/G) + B/G; the subtraction keeps the interaction from counting twice.
    c = 1/D for independent draws. Draws of share `overlap` = rho from one pool resemble each other, so S2 falls short:
    c = (1/D + rho (1 - 1/D)) / (1 - rho) (Nadeau and Bengio, Machine Learning 52, 2003). Where rho is 1 the estimate
    holds for this very labelled pool. rows: number of test rows; the error is never below one row (1/rows).
    Degrees of freedom: Satterthwaite's for the sum before the subtraction, which cannot fall below the smaller part's.
    """
    draws, blocks = values_DG.shape
    value = float(values_DG.mean())
    if draws < 2 or blocks < 2:
        return Estimate(value, np.nan, np.nan, np.nan)
    draw_D, block_G = values_DG.mean(1), values_DG.mean(0)
    rest_DG = values_DG - draw_D[:, None] - block_G[None, :] + value
    cross = float((rest_DG**2).sum()) / ((draws - 1) * (blocks - 1)) / blocks
    spread, test = float(draw_D.var(ddof=1)), float(block_G.var(ddof=1)) / blocks
    share = 0.0 if overlap >= FIXED else overlap
    factor = (1 / draws + share * (1 - 1 / draws)) / (1 - share)
    floor = 1.0 / (rows or blocks) ** 2
    total = max(factor * (spread - cross) + test, spread / draws, test, floor)
    apart = (factor * spread) ** 2 / (draws - 1) + test**2 / (blocks - 1)
    freedom = (factor * spread + test) ** 2 / apart if apart > 0 else float(blocks - 1)
    return Estimate(value, total**0.5, freedom, max(0.0, 1.0 - test / total))


def holm(p_values: Sequence[float], alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return (adjusted p-values, level of each test) of Holm's procedure (Scandinavian Journal of Statistics 6, 1979).

    A claim is made where adjusted p <= alpha. The level is what the procedure compared the plain p-value with (for the
    claims it did not reach, the level it stopped at), so that an interval of 1 - level excludes zero exactly where
    the claim is made.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    times = len(p) - np.arange(len(p))
    climbing = np.minimum(np.maximum.accumulate(p[order] * times), 1.0)
    stopped = np.flatnonzero(climbing > alpha)
    step = np.minimum(np.arange(len(p)), stopped[0] if len(stopped) else len(p))
    adjusted, level = np.empty(len(p)), np.empty(len(p))
    adjusted[order], level[order] = climbing, alpha / (len(p) - step)
    return adjusted, level


def sign_flips(leads_MD: np.ndarray, most: int = 4096) -> np.ndarray:
    """Return p-values [M], adjusted for all M leads at once, against 'this lead is symmetric about zero'.

    leads_MD: lead of M rows in D draws, 0 where a row has none. The signs of whole draws are flipped for all rows
    together and the largest sum / root of squares is compared (Westfall and Young, Resampling-based multiple testing,
    1993), so that no shape of distribution is assumed: with shuffled labels the scores of draws can have two humps, one
    on each side of guessing, where a t-test claims too much. All 2^D patterns where these are at most `most`, else that
    many random ones.
    """
    count, draws = leads_MD.shape
    if 2**draws <= most:
        flips_PD = 1.0 - 2.0 * ((np.arange(2**draws)[:, None] >> np.arange(draws)) & 1)
    else:
        flips_PD = numpy_generator(0, "flips").choice([-1.0, 1.0], (most, draws))
        flips_PD[0] = 1.0
    unit_MD = leads_MD / np.maximum(np.sqrt((leads_MD**2).sum(1, keepdims=True)), 1e-300)
    largest_P = (flips_PD @ unit_MD.T).max(1) if count else np.zeros(len(flips_PD))
    return np.array([(largest_P >= own - 1e-9).mean() for own in unit_MD.sum(1)])


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

    def weights(self) -> np.ndarray:
        """Return rows per block, float [G]."""
        return np.bincount(self.block_N, minlength=self.count).astype(float)


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
        truth_N, predicted_N = np.asarray(truth_N, np.int64), np.asarray(predicted_N, np.int64)
        width = int(max(truth_N.max(), predicted_N.max())) + 1
        codes, place_N = np.unique(truth_N * width + predicted_N, return_inverse=True)
        flat = np.bincount(blocks.block_N * len(codes) + place_N, minlength=blocks.count * len(codes))
        return cls(codes // width, codes % width, flat.reshape(blocks.count, len(codes)).astype(float))

    def constant(self, answer: int) -> Table:
        """Return the table of a model that always answers `answer`."""
        return Table(self.truth_K, np.full_like(self.predicted_K, answer), self.counts_GK)


def evidence(table: Table, score: Score) -> np.ndarray:
    """Return one value per block, float [G], whose mean is the score and whose spread is that of the test rows.

    For accuracy and equal blocks this is the accuracy within each block; see `_by_block` for other metrics.
    """
    return _by_block(table.counts_GK, lambda counts_K: score(table.truth_K, table.predicted_K, counts_K))


def chance_evidence(table: Table, score: Score) -> np.ndarray:
    """Return `evidence` [G] of the same answers dealt to the rows at random (expected counts of independence).

    Macro-F1 rewards guesses over a constant answer, so that 'better than one constant answer' alone is no learning.
    """
    truth, t_K = np.unique(table.truth_K, return_inverse=True)
    answers, p_K = np.unique(table.predicted_K, return_inverse=True)
    truth_X, answer_X = np.repeat(truth, len(answers)), np.tile(answers, len(truth))

    def scored(counts_K: np.ndarray) -> float:
        expected = np.outer(np.bincount(t_K, counts_K), np.bincount(p_K, counts_K)) / counts_K.sum()
        return score(truth_X, answer_X, expected.ravel())

    return _by_block(table.counts_GK, scored)


def _by_block(counts_GK: np.ndarray, scored: Callable[[np.ndarray], float]) -> np.ndarray:
    """Return score + G (N - n_g) / N (score - score without block g), centred, float [G]; n_g rows in block g."""
    whole_K = counts_GK.sum(0)
    whole = float(scored(whole_K))
    if len(counts_GK) < 2:
        return np.array([whole])
    kept_G = 1 - counts_GK.sum(1) / whole_K.sum()
    change_G = np.array([whole - scored(whole_K - counts_K) for counts_K in counts_GK])
    change_G = len(counts_GK) * kept_G * change_G
    return whole + change_G - change_G.mean()
