"""Forecast: scores at more labels by an inverse power law that levels off, and where two entries will meet.

score(n) = limit - rise * n^-c (Cortes, Jackel, Solla, Vapnik and Denker, NIPS 6, 1993; reviewed by Viering and Loog,
IEEE PAMI 45, 2022). With few labels a curve may still bend upwards: then c is below 0, and the only limit is the best
score. A handful of label counts hardly determines c, so all exponents are weighted by how well they fit (Bayesian
averaging over a grid, level and rise in closed form). The law itself may be wrong by `MISFIT` at each label count and
for each doubling beyond the largest one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headstart.core.seeds import numpy_generator
from headstart.statistics.analysis import Analysis
from headstart.statistics.intervals import FIXED, SPREAD
from headstart.statistics.worth import common

FEWEST = 3  # label counts that a forecast needs
EXPONENTS = np.linspace(-0.2, 1.6, 31)  # 0 (a straight line over the logarithm) lies between two of them
SAMPLES = 200  # curves per exponent
MISFIT = 0.006  # of the best score: error of the law at a label count (back-test: benchmarks/results)
TIMES = (2, 4)


@dataclass(frozen=True)
class ExpectedScore:
    """The expected score of an entry at `labels` labels with its 95 % interval."""

    entry: str
    labels: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Crossover:
    """Where `second` catches up with `first`, which leads at `measured` labels, the most that were tried.

    chance: the probability that they meet within `limit` labels, if the law holds. value, low, high: the label count
    where they meet, with a 95 % interval; None is beyond `limit`.
    """

    first: str
    second: str
    measured: int
    limit: int
    chance: float
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class Curves:
    """Weighted curves that fit an entry's scores: level_S (score at the most labels), fall_S, exponent_S."""

    sizes: np.ndarray
    level_S: np.ndarray
    fall_S: np.ndarray
    exponent_S: np.ndarray
    weight_S: np.ndarray
    noise_S: np.ndarray
    limits: tuple[float, float]

    def at(self, labels: float) -> np.ndarray:
        """Return the score of each curve at `labels` labels, [S], with a random error of the law (`MISFIT`)."""
        shape = _shape(self.sizes, np.array([labels]), self.exponent_S).ravel()
        doublings = np.log2(max(labels / self.sizes[-1], 1.0))
        misfit_S = MISFIT * self.limits[1] * doublings * self.noise_S
        return np.clip(self.level_S - self.fall_S * shape + misfit_S, *self.limits)


def curves(analysis: Analysis, entry: str, overlaps: Mapping[int, float]) -> Curves | None:
    """Return curves for an entry's scores; None with fewer than `FEWEST` label counts or `SPREAD` draws, or where all
    curves leave the scale of the metric, which says nothing."""
    sizes = [size for size, table in analysis.tables.items() if entry in table.entries and table.entries[entry].paired]
    draws = common(analysis, [(entry, size) for size in sizes]) if sizes else ()
    if len(sizes) < FEWEST or len(draws) < SPREAD:
        return None
    stack_KDG = np.stack([analysis.stack(entry, size, draws) for size in sizes])
    shares = np.array([overlaps[size] if overlaps[size] < FIXED else 0.0 for size in sizes])
    scores = stack_KDG.mean((1, 2)), covariance(stack_KDG, shares)
    found = fit(np.array(sizes, float), *scores, len(draws), entry, analysis.limits)
    ahead = [expected(found, entry, int(found.sizes[-1]) * times) for times in TIMES]
    return found if all(one.low < one.high for one in ahead) else None


def covariance(stack_KDG: np.ndarray, overlap_K: np.ndarray) -> np.ndarray:
    """Return the covariance [K, K] of mean scores at K label counts that share draws and test rows; see `estimate`."""
    _, draws, blocks = stack_KDG.shape
    draw_KD = stack_KDG.mean(2) - stack_KDG.mean((1, 2))[:, None]
    block_KG = stack_KDG.mean(1) - stack_KDG.mean((1, 2))[:, None]
    factor_K = (1 / draws + overlap_K * (1 - 1 / draws)) / (1 - overlap_K)
    scaled_KD = draw_KD * np.sqrt(factor_K)[:, None]
    return scaled_KD @ scaled_KD.T / (draws - 1) + block_KG @ block_KG.T / (blocks * max(blocks - 1, 1))


def fit(
    sizes_K: np.ndarray,
    score_K: np.ndarray,
    covariance_KK: np.ndarray,
    draws: int,
    key: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
) -> Curves:
    """Return weighted curves through scores [K] at increasing label counts [K].

    Level and rise are normal given the exponent (generalised least squares, flat priors, Student's t for few draws);
    curves that fall with more labels or go beyond the best score get no weight. key: of the random numbers. limits:
    worst and best value of the metric.
    """
    best = limits[1]
    total_KK = covariance_KK + (MISFIT * best) ** 2 * np.eye(len(sizes_K))
    inverse_KK = np.linalg.inv(total_KK)
    random = numpy_generator(0, "forecast", key)
    normal_S2 = random.standard_normal((SAMPLES, 2))
    wide_S = np.sqrt((draws - 1) / random.chisquare(draws - 1, SAMPLES))
    noise_S = random.standard_normal(SAMPLES)
    parts = []
    for exponent in EXPONENTS:
        design_K2 = np.stack([np.ones(len(sizes_K)), -_shape(sizes_K, sizes_K, np.array([exponent])).ravel()], 1)
        precision = design_K2.T @ inverse_KK @ design_K2
        spread = np.linalg.inv(precision)
        mean_2 = spread @ design_K2.T @ inverse_KK @ score_K
        rest_K = score_K - design_K2 @ mean_2
        # log of the marginal likelihood of the exponent, up to a constant
        fits = -0.5 * rest_K @ inverse_KK @ rest_K + 0.5 * np.linalg.slogdet(spread)[1]
        level_S, fall_S = mean_2[:, None] + np.linalg.cholesky(spread) @ (normal_S2 * wide_S[:, None]).T
        far = np.inf if exponent > 0 else TIMES[-1] * sizes_K[-1]
        top_S = level_S - fall_S * _shape(sizes_K, np.array([far]), np.array([exponent])).ravel()
        allowed_S = (fall_S >= 0) & (top_S <= best)
        parts.append((level_S, fall_S, np.full(SAMPLES, exponent), np.where(allowed_S, fits, -np.inf)))
    level_S, fall_S, exponent_S, fits_S = map(np.concatenate, zip(*parts))
    if np.isfinite(fits_S).any():
        weight_S = np.exp(fits_S - fits_S.max())  # the best weight is 1, however badly the law fits
    else:  # scores that fall with more labels: no rise is expected
        level_S, fall_S, weight_S = np.minimum(level_S, best), np.zeros_like(fall_S), np.ones_like(fall_S)
    weight_S, noise_S = weight_S / weight_S.sum(), np.tile(noise_S, len(EXPONENTS))
    return Curves(sizes_K, level_S, fall_S, exponent_S, weight_S, noise_S, limits)


def _shape(sizes_K: np.ndarray, labels_X: np.ndarray, exponent_E: np.ndarray) -> np.ndarray:
    """Return n^-c scaled to 1 at the fewest labels and 0 at the most labels, [E, X]; beyond the most it is negative."""
    low, high = sizes_K[0] ** -exponent_E[:, None], sizes_K[-1] ** -exponent_E[:, None]
    return (labels_X[None, :] ** -exponent_E[:, None] - high) / (low - high)


def forecast(analysis: Analysis, overlaps: Mapping[int, float]) -> dict[str, tuple[ExpectedScore, ...]]:
    """Return expected scores at 2 and 4 times the most labels, by entry; those with few label counts are left out."""
    out = {}
    for entry in _compared(analysis):
        if found := curves(analysis, entry, overlaps):
            out[entry] = tuple(expected(found, entry, int(found.sizes[-1]) * times) for times in TIMES)
    return out


def expected(found: Curves, entry: str, labels: int) -> ExpectedScore:
    """Return the weighted median and the 95 % interval of the curves at `labels` labels."""
    low, middle, high = weighted_quantiles(found.at(labels), found.weight_S, (0.025, 0.5, 0.975))
    return ExpectedScore(entry, labels, middle, low, high)


def crossover(analysis: Analysis, first: str, second: str, overlaps: Mapping[int, float]) -> Crossover | None:
    """Return where two entries meet beyond the label counts tried; None where one has too few label counts.

    Errors of the two are taken as independent although they share test rows, which makes the interval rather too wide.
    """
    one, two = curves(analysis, first, overlaps), curves(analysis, second, overlaps)
    if one is None or two is None or one.sizes[-1] != two.sizes[-1]:
        return None
    most = one.sizes[-1]
    if expected(one, first, int(most)).value < expected(two, second, int(most)).value:
        first, second, one, two = second, first, two, one
    limit = int(most * TIMES[-1])
    grid_X = np.geomspace(most, limit, 25)
    random = numpy_generator(0, "crossover", first, second)
    picks = [random.choice(len(found.weight_S), 2000, p=found.weight_S) for found in (one, two)]
    behind_XS = np.stack([one.at(labels)[picks[0]] <= two.at(labels)[picks[1]] for labels in grid_X])
    meets_S = np.where(behind_XS.any(0), grid_X[behind_XS.argmax(0)], np.inf)
    chance = float(np.isfinite(meets_S).mean())
    low, middle, high = np.quantile(meets_S, (0.025, 0.5, 0.975), method="inverted_cdf")
    shown = [float(value) if np.isfinite(value) else None for value in (middle, low, high)]
    return Crossover(first, second, int(most), limit, chance, *shown)


def weighted_quantiles(value_S: np.ndarray, weight_S: np.ndarray, shares: tuple[float, ...]) -> list[float]:
    """Return the values below which these shares of the weight lie."""
    order = np.argsort(value_S)
    reached = np.cumsum(weight_S[order])
    places = np.searchsorted(reached, np.array(shares) * reached[-1])
    return value_S[order][places].tolist()


def _compared(analysis: Analysis) -> list[str]:
    """Return the compared entries at the largest label count but majority."""
    last = analysis.tables[max(analysis.tables)].entries if analysis.tables else {}
    return [entry.entry for entry in last.values() if entry.paired and entry.kind != "majority"]
