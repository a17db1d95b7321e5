"""Operations on vectors: unit length, features of pairs, and the transform learned from unlabelled vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

EMPHASIS = 0.5  # power of the standard deviations; measured in docs/decisions.md


def unit_rows(matrix: np.ndarray) -> np.ndarray:
    """Return rows [N, D] scaled to length 1; zero rows stay zero."""
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)


def pair_features(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return [u, v, |u - v|, u * v] per row, [N, 4 D], dense or sparse (InferSent, Conneau et al. 2017)."""
    if sparse.issparse(first):
        return sparse.hstack([first, second, abs(first - second), first.multiply(second)], format="csr")
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)


def pair_cosine(features: np.ndarray) -> np.ndarray:
    """Return the cosine of u and v, [N], from their dense `pair_features` of unit vectors."""
    return features[:, features.shape[1] * 3 // 4 :].sum(axis=1)


@dataclass(frozen=True)
class VectorTransform:
    """An affine transform of document vectors, learned from unlabelled vectors, then scaling to unit length.

    center: float32 [D], subtracted. turn: float32 [D, D], V diag(s^EMPHASIS) V' with V the principal directions and s
    their standard deviations (largest = 1): directions of large variance among unlabelled documents get more weight, a
    prior that helps with few labels. Vectors of images are standardised instead, turn = diag(1 / s) over their columns
    (docs/decisions.md has the measurements). source: where the transform was learned, in words.
    """

    center: np.ndarray
    turn: np.ndarray
    source: str

    @classmethod
    def of(cls, sample_ND: np.ndarray, source: str) -> Self:
        """Learn a transform from unlabelled vectors; with fewer than 2 D rows only the centre is learned (turn = 1)."""
        rows, width = sample_ND.shape
        center = sample_ND.mean(axis=0).astype(np.float32)
        if rows < 2 * width:
            return cls(center, np.eye(width, dtype=np.float32), source)
        spread, basis = np.linalg.eigh(np.cov(sample_ND, rowvar=False).astype(np.float64).reshape(width, width))
        scale = np.sqrt(np.maximum(spread, 0.0) / max(spread[-1], 1e-30))
        return cls(center, np.ascontiguousarray((basis * scale**EMPHASIS) @ basis.T, np.float32), source)

    @classmethod
    def standardising(cls, sample_ND: np.ndarray, source: str) -> Self:
        """Learn the mean and the standard deviation of each column; columns without spread become 0."""
        spread_D = sample_ND.std(axis=0, dtype=np.float64)
        spreads_D = spread_D > max(1e-6 * spread_D.max(initial=0.0), 1e-30)
        inverse_D = np.where(spreads_D, 1 / np.where(spreads_D, spread_D, 1.0), 0.0)
        return cls(sample_ND.mean(axis=0).astype(np.float32), np.diag(inverse_D).astype(np.float32), source)

    def apply(self, vectors_ND: np.ndarray) -> np.ndarray:
        """Return float32 [N, D], rows of length 1."""
        return unit_rows((vectors_ND - self.center) @ self.turn)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save; `from_arrays` reads them."""
        return {"center": self.center, "turn": self.turn}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from `arrays()`."""
        return cls(arrays["center"], arrays["turn"], "saved")
