"""How good the answers of a linear model are on held-out rows, by which settings around it are chosen."""

from __future__ import annotations

import numpy as np

from headstart.core.examples import Examples
from headstart.fitting.checks import labels_of
from headstart.fitting.linear import Matrix, fit_once
from headstart.fitting.ridge import fit_ridge


def linear_quality(
    features_ND: Matrix, examples: Examples, train: np.ndarray, held: np.ndarray, *, default: float, seed: int
) -> np.ndarray:
    """Return how good the answer to each held-out row is: 1 when right, for numbers minus the squared error.

    default: C of logistic regression; of ridge the penalty from which others are tried. Raises HeadstartError: no
    labels.
    """
    if examples.task == "regress":
        numbers_N = np.asarray(examples.targets, np.float64)
        ridge, _ = fit_ridge(features_ND[train], numbers_N[train], default=default, seed=seed)
        return -((ridge.numbers(features_ND[held]) - numbers_N[held]) ** 2)
    labels_N = labels_of(examples)
    linear = fit_once(features_ND[train], labels_N[train], len(examples.classes), strength=default)
    return linear.predict_proba(features_ND[held]).argmax(axis=1) == labels_N[held]
