"""Ridge regression in closed form, penalty chosen on held-out rows (Hoerl & Kennard, Technometrics 12, 1970)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason
from headstart.fitting.linear import Matrix
from headstart.fitting.model_selection import ALIKE, RowFacts, choose, make_folds
from headstart.nn.vector_steps import Step, affine

GRID = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # penalties for features of mean squared length 1
_STEPS = 200  # of conjugate gradients, for sparse features


@dataclass(frozen=True)
class RidgeModel:
    """number = bias + (features - center) . weight. center_D, weight_D: float64; bias: the mean training number."""

    center_D: np.ndarray
    weight_D: np.ndarray
    bias: float

    def numbers(self, features_ND: Matrix) -> np.ndarray:
        """Return the numbers, float64 [N]."""
        if sparse.issparse(features_ND):
            return self.bias + features_ND @ self.weight_D - self.center_D @ self.weight_D
        return self.bias + (features_ND - self.center_D) @ self.weight_D

    def steps(self) -> list[Step]:
        """Return `numbers` as steps."""
        return [affine(self.weight_D[None], np.array([self.bias - self.center_D @ self.weight_D])), "Identity"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save; `from_arrays` reads them."""
        return {"ridge_center": self.center_D, "ridge_weight": self.weight_D, "ridge_bias": np.array([self.bias])}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> RidgeModel:
        """Rebuild from `arrays()`."""
        return cls(arrays["ridge_center"], arrays["ridge_weight"], float(arrays["ridge_bias"][0]))


def fit_ridge(
    features_ND: Matrix, numbers_N: np.ndarray, *, default: float, seed: int, facts: RowFacts = ALIKE
) -> tuple[RidgeModel, dict[str, Any]]:
    """Fit features to numbers; the penalty is chosen from GRID by `choose`, default `default`.

    Returns the model and notes (penalty, folds). Raises HeadstartError when `default` is not of the grid.
    """
    if default not in GRID:
        raise HeadstartError(
            Reason(
                "default_penalty", "default={value}: not one of the penalties tried ({grid})", value=default, grid=GRID
            )
        )
    numbers_N, path = np.asarray(numbers_N, np.float64), _sparse_path
    if not sparse.issparse(features_ND):
        features_ND, path = np.asarray(features_ND, np.float64), _path
    weight_N = np.ones(len(numbers_N)) if facts.weights is None else np.asarray(facts.weights, np.float64)

    def judge(train: np.ndarray, held: np.ndarray) -> np.ndarray:
        models = path(features_ND[train], numbers_N[train], weight_N[train], GRID)
        errors = [model.numbers(features_ND[held]) - numbers_N[held] for model in models]
        return facts.weighted(-(np.stack(errors, axis=1) ** 2), held)

    pairs = make_folds(np.zeros(len(numbers_N), np.int64), seed=seed, groups=facts.groups)
    penalty = GRID[choose(GRID, GRID.index(default), judge, pairs)]
    (model,) = path(features_ND, numbers_N, weight_N, (penalty,))
    return model, {"penalty": penalty, "folds": len(pairs)}


def _path(
    features_ND: np.ndarray, numbers_N: np.ndarray, weight_N: np.ndarray, penalties: Sequence[float]
) -> list[RidgeModel]:
    """Return the model of each penalty, from one eigendecomposition over rows or columns, whichever are fewer.

    A squared error times w is that of the centred row and number times the root of w.
    """
    center_D, bias = np.average(features_ND, axis=0, weights=weight_N), float(np.average(numbers_N, weights=weight_N))
    root_N = np.sqrt(weight_N)
    centred_ND, rest_N = (features_ND - center_D) * root_N[:, None], (numbers_N - bias) * root_N
    rows = len(numbers_N) < features_ND.shape[1]
    strength, basis = np.linalg.eigh(centred_ND @ centred_ND.T if rows else centred_ND.T @ centred_ND)
    seen = basis.T @ (rest_N if rows else centred_ND.T @ rest_N)
    unit = max(float(strength.sum()) / weight_N.sum(), 1e-12)  # mean squared length
    found = [basis @ (seen / (np.maximum(strength, 0.0) + penalty * unit)) for penalty in penalties]
    return [RidgeModel(center_D, centred_ND.T @ one if rows else one, bias) for one in found]


def _sparse_path(
    features_ND: sparse.csr_matrix, numbers_N: np.ndarray, weight_N: np.ndarray, penalties: Sequence[float]
) -> list[RidgeModel]:
    """Return the model of each penalty for sparse features, which are never centred in memory.

    (A + penalty) a = numbers over the rows by conjugate gradients, each from the answer before; weight = features' . a.
    Centred rows and numbers are multiplied by the root of their weight, as in `_path`.
    """
    rows, total, root_N = len(numbers_N), weight_N.sum(), np.sqrt(weight_N)
    center_D, bias = np.asarray(features_ND.T @ weight_N, np.float64) / total, float(numbers_N @ weight_N / total)
    squares_N = np.asarray(features_ND.power(2).sum(axis=1), np.float64).ravel()
    unit = max(float(squares_N @ weight_N) / total - float(center_D @ center_D), 1e-12)  # mean squared length

    def weight(a_N: np.ndarray) -> np.ndarray:
        return features_ND.T @ (root_N * a_N) - center_D * (root_N @ a_N)

    found, a_N = [], np.zeros(rows)
    for penalty in penalties:

        def products(v_N: np.ndarray, strength: float = penalty * unit) -> np.ndarray:
            seen_D = weight(v_N)
            return root_N * (features_ND @ seen_D - center_D @ seen_D) + strength * v_N

        operator = LinearOperator((rows, rows), products, dtype=np.float64)
        a_N, _ = cg(operator, root_N * (numbers_N - bias), a_N, maxiter=_STEPS)
        found.append(RidgeModel(center_D, weight(a_N), bias))
    return found
