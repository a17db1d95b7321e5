"""Intervals of scores that vary by label draw and by test row; every comparison is paired.

Model: the score of draw d on test block g is mu + draw_d + block_g + interaction_dg, both effects random (Cornfield and
Tukey, Annals of Mathematical Statistics 27, 1956; used for classifiers by Gallas, Academic Radiology 13, 2006).
The values come from `blocks.py`. Shapes: D draws, G blocks of test rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

FIXED = 0.999  # from this overlap on all draws are the same rows: nothing can be learnt about other label draws


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

    error: standard error. freedom: degrees of freedom (Satterthwaite). With fewer than two draws both are NaN and
    `variance` is None. from_draws: share of the variance that comes from the label draws; the rest comes from the
    finite test set.
    """

    value: float
    error: float
    freedom: float
    from_draws: float
    variance: Variance | None = None

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Return the two-sided interval of level 1 - alpha."""
        half = -float(special.stdtrit(self.freedom, alpha / 2)) * self.error
        return self.value - half, self.value + half

    def p_above(self) -> float:
        """Return the one-sided p-value against 'not above zero'; 1 when there is no standard error."""
        return 1.0 if np.isnan(self.error) else float(special.stdtr(self.freedom, -self.value / self.error))

    def p_differs(self) -> float:
        """Return the two-sided p-value against 'equals zero'; 1 when there is no standard error."""
        return 1.0 if np.isnan(self.error) else float(2 * special.stdtr(self.freedom, -abs(self.value) / self.error))


def estimate(
    values_DG: np.ndarray, overlap: float = 0.0, rows: int | None = None, least: float = 0.0, unit: float = 1.0
) -> Estimate:
    """Estimate the mean over all label draws and all test rows from the evidence of D draws, [D, G].

    With S2 the variance of the draw means, M the interaction mean square and B the variance of the block means, the
    grand mean has the variance c (S2 - M/G) + B/G; the subtraction keeps the interaction from counting twice (c: see
    `Variance.factor`). rows: number of test rows; the error is never below the part of one row, unit/rows. least: the
    variance between draws is taken to be at least that. unit: the best value of the metric.
    """
    draws, blocks = values_DG.shape
    value = float(values_DG.mean())
    if draws < 2 or blocks < 2:
        return Estimate(value, np.nan, np.nan, np.nan)
    draw_D, block_G = values_DG.mean(1), values_DG.mean(0)
    rest_DG = values_DG - draw_D[:, None] - block_G[None, :] + value
    cross = float((rest_DG**2).sum()) / ((draws - 1) * (blocks - 1)) / blocks
    spread, test = float(draw_D.var(ddof=1)), float(block_G.var(ddof=1)) / blocks
    alone = max(spread - cross, least, 0.0), cross, max(test - cross / draws, 0.0)
    variance = Variance(*alone, unit**2 / (rows or blocks) ** 2, overlap, blocks)
    return Estimate(value, *variance.at(draws), variance)


def mixed_overlap(parts: Sequence[tuple[np.ndarray, float]]) -> float:
    """Return the overlap of a sum or difference of (values [D, G], overlap of its draws).

    It is the mean overlap of the parts, weighted by how much each varies between draws; a part whose draws are all
    the same does not count, see `FIXED`.
    """
    weights = np.array([stack.mean(1).var() if overlap < FIXED else 0.0 for stack, overlap in parts])
    return float(weights @ [overlap for _, overlap in parts] / weights.sum()) if weights.sum() > 0 else 0.0
