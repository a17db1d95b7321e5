"""Paired significance tests of many leads at once: Holm's procedure over p-values, sign flips over label draws.

Shapes: M hypotheses (leads of one entry over another), D draws, P patterns of signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from headstart.core.seeds import numpy_generator


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
