"""Nearest class mean as a linear model; how sure it is comes from held-out rows.

Shapes: N rows, D columns, K classes with rows.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from headstart.fitting.linear import LinearModel

_SHARPNESS = 10.0  # of rows of length 1 where no row can be held out


def class_means(features_ND: np.ndarray, labels_N: np.ndarray, classes: int) -> tuple[LinearModel, float]:
    """Return the model with p(k) ~ exp(-sharpness |x - mean of k|^2), and the sharpness.

    The sharpness is that of the least log-loss when each row is held out of the mean of its class.
    """
    seen_K, own_N, count_K = np.unique(labels_N, return_inverse=True, return_counts=True)
    mean_KD = np.stack([features_ND[own_N == place].mean(axis=0) for place in range(len(seen_K))])
    length_K = (mean_KD**2).sum(axis=1)
    distance_NK = (features_ND**2).sum(axis=1)[:, None] - 2 * features_ND @ mean_KD.T + length_K
    sharpness = _sharpness(distance_NK, own_N, count_K)
    weight_KD, bias_K = 2 * sharpness * mean_KD, -sharpness * length_K
    return LinearModel(weight_KD.astype(np.float32), bias_K.astype(np.float32), seen_K, classes), sharpness


def _sharpness(distance_NK: np.ndarray, own_N: np.ndarray, count_K: np.ndarray) -> float:
    """Return the sharpness; distance_NK: squared, to the means of all rows."""
    count_N = count_K[own_N]
    held = np.flatnonzero(count_N > 1)
    if not len(held) or len(count_K) < 2:
        return _SHARPNESS
    distance_MK, own_M, count_M = distance_NK[held].astype(np.float64), own_N[held], count_N[held]
    rows = np.arange(len(held))
    # Without row x the mean of its n rows moves away: x - (n mean - x) / (n - 1) = (x - mean) n / (n - 1).
    distance_MK[rows, own_M] *= (count_M / (count_M - 1)) ** 2

    def loss(log_sharpness: float) -> float:
        logits_MK = -np.exp(log_sharpness) * distance_MK
        return float((logsumexp(logits_MK, axis=1) - logits_MK[rows, own_M]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 6.0), method="bounded").x))
