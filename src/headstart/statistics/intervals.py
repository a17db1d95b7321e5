"""Intervals and tests for scores that vary by label draw and by test row; every comparison is paired.

Model: the score of draw d on test block g is mu + draw_d + block_g + interaction_dg, both effects random (Cornfield and
Tukey, Annals of Mathematical Statistics 27, 1956; used for classifiers by Gallas, Academic Radiology 13, 2006).
The values come from `blocks.py`. Shapes: D draws, G blocks of test rows, M hypotheses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from headstart.core.seeds import numpy_generator

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


def holm(p_values: Sequence[float], alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return (adjusted p-values, level of each test) of Holm's procedure (Scandinavian Journal of Statistics 6, 1979).

    A claim is made where adjusted p <= alpha. The level is what the procedure compared the unadjusted p-value with (for
    tests it did not reach, the level it stopped at). An interval of 1 - level therefore excludes zero exactly where the
    claim is made.
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


def sign_flips(leads_MD: np.ndarray, two_sided: bool = False, most: int = 4096) -> np.ndarray:
    """Return p-values [M], adjusted for all M leads at once, against 'this lead is symmetric about zero'.

    leads_MD: M leads in D draws, 0 where a lead has no such draw. The signs of whole draws are flipped for all leads
    together, and the largest sum / root of squares is compared (the step-down procedure of Westfall and Young,
    Resampling-based multiple testing, 1993). No shape of distribution is assumed: with shuffled labels the scores of
    draws can have two humps, one on each side of guessing, where a t-test claims too much. All 2^D patterns are tried
    where they are at most `most`, else `most` random patterns.
    """
    count, draws = leads_MD.shape
    if not count:
        return np.zeros(0)
    if 2**draws <= most:
        flips_PD = 1.0 - 2.0 * ((np.arange(2**draws)[:, None] >> np.arange(draws)) & 1)
    else:
        flips_PD = numpy_generator(0, "flips").choice([-1.0, 1.0], (most, draws))
        flips_PD[0] = 1.0
    unit_MD = leads_MD / np.maximum(np.sqrt((leads_MD**2).sum(1, keepdims=True)), 1e-300)
    own_M = np.abs(unit_MD.sum(1)) if two_sided else unit_MD.sum(1)
    order_M = np.argsort(own_M)  # the smallest first: each is compared with the largest of those not above it
    sums_MP = unit_MD[order_M] @ flips_PD.T
    largest_MP = np.maximum.accumulate(np.abs(sums_MP) if two_sided else sums_MP, axis=0)
    p_M = (largest_MP >= own_M[order_M, None] - 1e-9).mean(1)
    adjusted_M = np.empty(count)
    adjusted_M[order_M] = np.maximum.accumulate(p_M[::-1])[::-1]
    return adjusted_M


def flipped(leads: Sequence[Mapping[int, float]], fewest: int, two_sided: bool = False) -> np.ndarray:
    """Return p-values [M] of `sign_flips` over M leads by draw; 0 for those with fewer than `fewest` draws.

    Flips cannot judge fewer draws: not even draws that all agree would be enough.
    """
    judged = [place for place, lead in enumerate(leads) if len(lead) >= fewest]
    draws = sorted({number for place in judged for number in leads[place]})
    out = np.zeros(len(leads))
    if judged:
        leads_MD = [[leads[place].get(number, 0.0) for number in draws] for place in judged]
        out[judged] = sign_flips(np.array(leads_MD), two_sided)
    return out
