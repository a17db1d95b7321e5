"""Small operations on rows of vectors that routes share."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def unit_rows(matrix: np.ndarray) -> np.ndarray:
    """Return rows [N, D] scaled to length 1; zero rows stay zero."""
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)


def pair_features(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return [u, v, |u - v|, u * v] per row, [N, 4 D], dense or sparse (InferSent, Conneau et al. 2017)."""
    if sparse.issparse(first):
        return sparse.hstack([first, second, abs(first - second), first.multiply(second)], format="csr")
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)
