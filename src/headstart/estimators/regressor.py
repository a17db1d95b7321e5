"""`HeadstartRegressor`: every route that answers with a number as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.estimators.inputs import (
    RouteEstimator,
    answers_of,
    center_and_scale,
    distinct,
    items_of,
    remember_columns,
    weights_of,
)
from headstart.fitting.model_selection import RowFacts
from headstart.fitting.ridge import RidgeModel, fit_ridge


class HeadstartRegressor(RegressorMixin, RouteEstimator):
    """A number for each text, pair of texts or image, by any route that does `regress`.

    Parameters and X are those of `HeadstartClassifier`; on a numeric [N, D] array of given features ridge regression is
    fitted. After `fit`: `model_` (a `TaskModel`).

    >>> HeadstartRegressor(route="tfidf_ridge").fit(["good", "bad", "good film"], [1, 0, 1]).predict(["good"]).shape
    (1,)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> HeadstartRegressor:
        """Fit the route. sample_weight: how much each row counts, [N], at least 0; a row of weight 0 is left out.

        Raises HeadstartError (a ValueError): unknown route or setting, a route that cannot run, wrong weights.
        """
        items, seed = items_of(X), self._seed()
        if items is None:
            X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
            self.model_ = _FeatureRidge(X, y, weights_of(sample_weight, len(X)), seed)
            return self
        remember_columns(self, X)
        numbers = _numbers(answers_of(y, len(items)))
        weight_N = weights_of(sample_weight, len(items))
        asked = Examples(items.items, items.second, task="regress", targets=numbers, weights=weight_N)
        self.model_ = self._run(asked.counting())
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return a number for each row, float64 [N]."""
        check_is_fitted(self, "model_")
        items = items_of(X)
        if items is not None and not len(items):
            return np.zeros(0)
        if (items is None) != isinstance(self.model_, _FeatureRidge):
            fitted = "ready features" if items is not None else "texts or images"
            raise HeadstartError(f"this regressor was fitted on {fitted}; predict needs the same")
        if items is not None:
            return np.asarray(self.model_.predict(items), np.float64)
        return self.model_.predict(validate_data(self, X, dtype=np.float64, reset=False))


def _numbers(y: np.ndarray) -> list[float]:
    try:
        numbers_N = np.asarray(y, np.float64)
    except (TypeError, ValueError):
        raise HeadstartError(f"y: {str(y[0])!r} is no number; HeadstartClassifier is for classes") from None
    if not np.isfinite(numbers_N).all():
        raise HeadstartError(f"y: row {int((~np.isfinite(numbers_N)).argmax())} holds no finite number")
    return numbers_N.tolist()


class _FeatureRidge:
    """Ridge regression on given features, centred and scaled by one factor to mean squared length 1."""

    def __init__(self, features: np.ndarray, numbers_N: np.ndarray, weight_N: np.ndarray | None, seed: int):
        features, numbers_N, weight_N = distinct(features, np.asarray(numbers_N, np.float64), weight_N)
        self.center, self.scale = center_and_scale(features, weight_N)
        self.ridge: RidgeModel
        facts = RowFacts(weights=weight_N)
        self.ridge, _ = fit_ridge(self._scaled(features), numbers_N, default=1.0, seed=seed, facts=facts)

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return (features - self.center) * self.scale

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(self.ridge.numbers(self._scaled(features)), np.float64)
