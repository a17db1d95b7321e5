"""Calibration: whether a model is right as often as its confidence says.

Calibration error over bins of equal mass (Nixon et al., CVPR workshops 2019), its mean square without what chance alone
would show (Kumar, Liang and Ma, NeurIPS 32, 2019); its interval by the same blocks of test rows as every other score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.statistics.analysis import ALPHA, SizeTable
from headstart.statistics.blocks import TestBlocks, jackknife
from headstart.statistics.intervals import Bounds, estimate
from headstart.statistics.study import Cell, Study

BINS = 15
LEAST = 2.0**-14  # the smallest number that float16 holds in full; a probability below it counts as it


@dataclass(frozen=True)
class ConfidenceBin:
    """Test rows of similar confidence, over all draws: how many, mean confidence, share that is right."""

    rows: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """One entry at one label count, mean over its draws.

    error: root mean square distance of confidence and accuracy, 0 to 1, without the part that chance adds; low, high:
    its 95 % interval. ece: expected calibration error, the mean distance, which is never 0. brier: mean square of
    confidence minus correctness (0 or 1). log_loss: of the true class, in nats, NaN where likelihoods were not kept.
    confidence: mean; above the score means overconfident. bins: for a reliability plot.
    """

    entry: str
    size: int
    draws: int
    error: float
    low: float
    high: float
    ece: float
    brier: float
    log_loss: float
    confidence: float
    bins: tuple[ConfidenceBin, ...]


def calibration(study: Study, table: SizeTable) -> tuple[Calibration, ...]:
    """Return the calibration of the entries at a label count whose cells have probabilities, in the table's order."""
    blocks = TestBlocks.make(study.test_rows, study.groups)
    out = []
    for name in table.entries:
        cells = [cell for _, cell in sorted(study.cells_of(name, table.size).items()) if cell.confidence_N is not None]
        if cells:
            out.append(_calibration(study, table, cells, blocks))
    return tuple(out)


def _calibration(study: Study, table: SizeTable, cells: Sequence[Cell], blocks: TestBlocks) -> Calibration:
    sure_DN = np.array([cell.confidence_N for cell in cells], float)
    right_DN = np.array([cell.predicted == study.truth for cell in cells], float)
    values_DG = np.stack([_error_values(*pair, blocks) for pair in zip(sure_DN, right_DN)])
    found = estimate(values_DG, table.overlap, study.test_rows, bounds=Bounds.of_difference((0.0, 1.0)))
    low, high = found.interval(ALPHA)
    ece = np.mean([mean_error(*_sums(*pair)) for pair in zip(sure_DN, right_DN)])
    said = [np.maximum(cell.likelihood_N.astype(float), LEAST) for cell in cells if cell.likelihood_N is not None]
    return Calibration(
        entry=cells[0].entry,
        size=table.size,
        draws=len(cells),
        error=_root(found.value),
        low=_root(low),
        high=_root(high),
        ece=float(ece),
        brier=float(((sure_DN - right_DN) ** 2).mean()),
        log_loss=float(-np.log(said).mean()) if said else float("nan"),
        confidence=float(sure_DN.mean()),
        bins=_bins(sure_DN.ravel(), right_DN.ravel()),
    )


def bin_of(sure_N: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bin of each test row, int64 [N]: bins of equal mass by confidence; equal confidences share a bin."""
    edges = np.unique(np.quantile(sure_N, np.arange(1, bins) / bins))
    return np.searchsorted(edges, sure_N, side="right")


def mean_error(rows_B: np.ndarray, sure_B: np.ndarray, right_B: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy over bins with these sums (ECE)."""
    return float(np.abs(right_B - sure_B).sum() / rows_B.sum())


def square_error(rows_B: np.ndarray, sure_B: np.ndarray, right_B: np.ndarray) -> float:
    """Return the mean square distance over bins with these sums minus the binomial variance; it may be below 0."""
    kept = rows_B > 1
    rows_B, sure_B, right_B = rows_B[kept], sure_B[kept], right_B[kept]
    hit_B = right_B / rows_B
    square_B = (hit_B - sure_B / rows_B) ** 2 - hit_B * (1 - hit_B) / (rows_B - 1)
    return float(rows_B @ square_B / rows_B.sum()) if kept.any() else 0.0


def _root(square: float) -> float:
    """Return the root of a mean square that may come out below 0; NaN stays."""
    return float(np.sqrt(square)) if not square <= 0 else 0.0


def _sums(sure_N: np.ndarray, right_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place_N = bin_of(sure_N)
    return np.bincount(place_N).astype(float), np.bincount(place_N, sure_N), np.bincount(place_N, right_N)


def _error_values(sure_N: np.ndarray, right_N: np.ndarray, blocks: TestBlocks) -> np.ndarray:
    """Return the square error by block, [G]: a jackknife over the blocks with fixed bins."""
    place_N, width = bin_of(sure_N), BINS
    flat_N = blocks.block_N * width + place_N
    size = blocks.count * width
    sums = [np.bincount(flat_N, weight, size).reshape(-1, width) for weight in (None, sure_N, right_N)]
    together_GX = np.concatenate(sums, 1)
    rows_G = blocks.weights()
    return jackknife(together_GX, rows_G, lambda sums_X: square_error(*sums_X.reshape(3, width)))


def _bins(sure_X: np.ndarray, right_X: np.ndarray) -> tuple[ConfidenceBin, ...]:
    rows_B, sure_B, right_B = _sums(sure_X, right_X)
    kept = rows_B > 0
    columns = (rows_B[kept], sure_B[kept] / rows_B[kept], right_B[kept] / rows_B[kept])
    return tuple(ConfidenceBin(int(rows), float(sure), float(right)) for rows, sure, right in zip(*columns))
