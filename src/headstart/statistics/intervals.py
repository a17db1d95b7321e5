"""Intervals of scores that vary by label draw and by test row; every comparison is paired.

Model: the score of draw d on test block g is mu + draw_d + block_g + interaction_dg, both effects random (Cornfield and
Tukey, Annals of Mathematical Statistics 27, 1956; used for classifiers by Gallas, Academic Radiology 13, 2006).
The values come from `blocks.py`. Shapes: D draws, G blocks of test rows.

Intervals of bounded scores are inverted score tests (Wilson, Journal of the American Statistical Association 22, 1927)
of as many binomial trials as give the standard error found, so that they end at the bounds and are never a point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

FIXED = 0.999  # from this overlap on all draws are the same rows: nothing can be learnt about other label draws
SPREAD = 3  # draws from which their spread is measured: with fewer a score stands alone, without an interval


@dataclass(frozen=True)
class Bounds:
    """What a mean cannot leave, and its unit. low, high: infinite where there are no bounds.

    unit: the best value of the metric; one test row makes unit / rows of a score. difference: the mean is a difference,
    which is tested against 0 by its plain standard error.
    """

    low: float = -math.inf
    high: float = math.inf
    unit: float = 1.0
    difference: bool = False

    @classmethod
    def of_score(cls, limits: tuple[float, float]) -> Bounds:
        """Return the bounds of a score; limits: the worst and the best value of the metric."""
        return cls(*limits, limits[1])

    @classmethod
    def of_difference(cls, limits: tuple[float, float]) -> Bounds:
        """Return the bounds of the difference of two scores."""
        most = limits[1] - limits[0]
        return cls(-most, most, limits[1], difference=True)

    def interval(self, value: float, half: float, least: float) -> tuple[float, float]:
        """Return the interval around `value` whose plain form is value -+ half.

        least: the part that one test row can make; so near a bound the spread found says
        nothing, and the interval is the one of a single wrong (or right) row.
        With v the place of the value between the bounds, the interval holds every place u whose test, with the variance
        u (1 - u) / n, does not reject v. A difference must agree with its test against 0: as long as u is nearer to 0
        than the value, the plain standard error holds.
        """
        if math.isinf(self.high) or math.isnan(half):
            return value - half, value + half
        width = self.high - self.low
        place = min(max((value - self.low) / width, 0.0), 1.0)
        edge = min(least / width, 0.5)
        inside = min(max(place, edge), 1 - edge)
        ratio = (half / width) ** 2 / (inside * (1 - inside))  # of squared quantile and n
        root = math.sqrt(ratio**2 + 4 * ratio * place * (1 - place))
        low = self.low + width * 2 * place**2 / max(2 * place + ratio + root, 1e-300)
        high = self.low + width * (2 * place + ratio + root) / (2 + 2 * ratio)
        low, high = min(low, value), max(min(high, self.high), value)
        if not self.difference:
            return low, high
        nearer = abs(value)
        plain = value - half, value + half
        return tuple(own if -nearer <= own <= nearer else other for own, other in zip(plain, (low, high)))


FREE = Bounds()


@dataclass(frozen=True)
class Variance:
    """What the variance of a mean over D draws and all test rows is made of, so that other studies can be planned.

    draw: of one label draw. cross: of one draw's interaction with the test rows. test: of the test rows alone. floor:
    the variance that one test row can make, below which no error is believed. overlap: share of rows that two draws
    have in common. blocks: number of blocks of test rows. `cross`, `test` and `floor` are for the whole test set.
    """

    draw: float
    cross: float
    test: float
    floor: float
    overlap: float
    blocks: int

    def factor(self, draws: int) -> float:
        """Return c: the mean of `draws` draws varies by c times the variance of one.

        1/D for independent draws. Draws of share `overlap` = rho from one pool resemble each other, so that their
        spread falls short: c = (1/D + rho (1 - 1/D)) / (1 - rho) (Nadeau and Bengio, Machine Learning 52, 2003). Where
        rho is 1 the mean holds for this very labelled pool.
        """
        share = 0.0 if self.overlap >= FIXED else self.overlap
        return (1 / draws + share * (1 - 1 / draws)) / (1 - share)

    def at(self, draws: int, share: float = 1.0) -> tuple[float, float, float]:
        """Return (error, degrees of freedom, share of the draws) with `draws` draws and `share` times the test rows.

        Degrees of freedom: Satterthwaite's, but never below those of the smaller part, as they would be where the
        interaction is most of the draws' spread.
        """
        spread, rows = self.draw + self.cross / share, (self.test + self.cross / draws) / share
        factor = self.factor(draws)
        parts = factor * self.draw + rows
        total = max(parts, spread / draws, self.floor / share**2)
        apart = (factor * spread) ** 2 / (draws - 1) + rows**2 / (self.blocks - 1)
        fewest = float(min(draws, self.blocks) - 1)
        freedom = max(parts**2 / apart, fewest) if apart > 0 else float(self.blocks - 1)
        return total**0.5, freedom, max(0.0, 1.0 - rows / total)


@dataclass(frozen=True)
class Estimate:
    """A mean with its uncertainty.

    error: standard error. freedom: degrees of freedom (Satterthwaite). With fewer than `SPREAD` draws both are NaN and
    `variance` is None. from_draws: share of the variance that comes from the label draws; the rest comes from the
    finite test set.
    """

    value: float
    error: float
    freedom: float
    from_draws: float
    variance: Variance | None = None
    bounds: Bounds = FREE

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Return the two-sided interval of level 1 - alpha; it holds the value and stays within the bounds."""
        half = -float(special.stdtrit(self.freedom, alpha / 2)) * self.error
        return self.bounds.interval(self.value, half, self.variance.floor**0.5 if self.variance else 0.0)

    def p_above(self) -> float:
        """Return the one-sided p-value against 'not above zero'; 1 when there is no standard error."""
        return 1.0 if np.isnan(self.error) else float(special.stdtr(self.freedom, -self.value / self.error))

    def p_differs(self) -> float:
        """Return the two-sided p-value against 'equals zero'; 1 when there is no standard error."""
        return 1.0 if np.isnan(self.error) else float(2 * special.stdtr(self.freedom, -abs(self.value) / self.error))


def estimate(
    values_DG: np.ndarray,
    overlap: float = 0.0,
    rows: int | None = None,
    least: float = 0.0,
    bounds: Bounds = FREE,
) -> Estimate:
    """Estimate the mean over all label draws and all test rows from the evidence of D draws, [D, G].

    With S2 the variance of the draw means, M the interaction mean square and B the variance of the block means, the
    grand mean has the variance c (S2 - M/G) + B/G; the subtraction keeps the interaction from counting twice (c: see
    `Variance.factor`). rows: number of test rows; the error is never below the part of one row. least: the variance
    between draws is taken to be at least that. bounds: of the mean.
    """
    draws, blocks = values_DG.shape
    value = float(values_DG.mean())
    if draws < SPREAD or blocks < 2:
        return Estimate(value, np.nan, np.nan, np.nan)
    draw_D, block_G = values_DG.mean(1), values_DG.mean(0)
    rest_DG = values_DG - draw_D[:, None] - block_G[None, :] + value
    cross = float((rest_DG**2).sum()) / ((draws - 1) * (blocks - 1)) / blocks
    spread, test = float(draw_D.var(ddof=1)), float(block_G.var(ddof=1)) / blocks
    alone = max(spread - cross, least, 0.0), cross, max(test - cross / draws, 0.0)
    variance = Variance(*alone, bounds.unit**2 / (rows or blocks) ** 2, overlap, blocks)
    return Estimate(value, *variance.at(draws), variance, bounds)


def mixed_overlap(parts: Sequence[tuple[np.ndarray, float]]) -> float:
    """Return the overlap of a sum or difference of (values [D, G], overlap of its draws).

    It is the mean overlap of the parts, weighted by how much each varies between draws; a part whose draws are all
    the same does not count, see `FIXED`.
    """
    weights = np.array([stack.mean(1).var() if overlap < FIXED else 0.0 for stack, overlap in parts])
    return float(weights @ [overlap for _, overlap in parts] / weights.sum()) if weights.sum() > 0 else 0.0
