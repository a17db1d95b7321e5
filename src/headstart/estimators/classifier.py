"""`HeadstartClassifier`: every route as a scikit-learn classifier; X holds texts, pairs, images, or ready features."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.estimators.inputs import RouteEstimator, answers_of, items_of, remember_columns
from headstart.fitting.linear import LinearModel, fit_linear


class HeadstartClassifier(ClassifierMixin, RouteEstimator):
    """Few-label classification by any route.

    base: a run directory, a Hugging Face directory or an opened `PretrainedModel`; None for routes without a base.
    route: a name of `headstart list route`; settings: a dictionary of its settings, e.g. {"layer": 2}. corpus:
    unlabelled texts or images, for routes that learn from them. seconds: time for one fit. random_state: seed or
    generator.

    X: N texts or images (of Pillow, uint8 arrays) in a list, an array, a column of pandas, polars, pyarrow or datasets,
    or a generator; or [N, 2] texts for pairs; or a numeric [N, D] array of given features, on which a logistic
    regression is fitted as by the route probe, whatever `route` is. After `fit`: `classes_`, and `model_` (a
    `TaskModel`).

    >>> HeadstartClassifier(route="tfidf_nb").fit(["good film", "bad film"], [1, 0]).predict(["good"])
    array([1])
    """

    def fit(self, X: Any, y: Any) -> HeadstartClassifier:
        """Fit the route. Raises HeadstartError (a ValueError): unknown route or setting, a route that cannot run."""
        items, seed = items_of(X), self._seed()
        if items is None:
            X, y = validate_data(self, X, y, dtype=np.float64)
        else:
            remember_columns(self, X)
            y = answers_of(y, len(items))
        check_classification_targets(y)
        self.classes_, labels_N = np.unique(y, return_inverse=True)
        if items is None:
            self.model_ = _FeatureModel.fit(X, labels_N, len(self.classes_), seed)
        else:
            names = tuple(str(label) for label in self.classes_)
            self.model_ = self._run(Examples(items.items, items.second, labels_N.astype(np.int64), names))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities [N, C], columns in the order of `classes_`."""
        check_is_fitted(self, "model_")
        items = items_of(X)
        if items is not None and not len(items):
            return np.zeros((0, len(self.classes_)))
        if (items is None) != isinstance(self.model_, _FeatureModel):
            fitted = "ready features" if items is not None else "texts or images"
            raise HeadstartError(f"this classifier was fitted on {fitted}; predict needs the same")
        if items is not None:
            return self.model_.predict_proba(items)
        return self.model_.predict_proba(validate_data(self, X, dtype=np.float64, reset=False))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):  # a class that the labelled rows did not have
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, [N]."""
        scores_NC = self.predict_proba(X)
        return self.classes_[scores_NC.argmax(axis=1)]


class _FeatureModel:
    """Logistic regression on given features, centred and scaled by one factor to mean squared length 1."""

    def __init__(self, center: np.ndarray, scale: float, linear: LinearModel):
        self.center, self.scale, self.linear = center, scale, linear

    @classmethod
    def fit(cls, features: np.ndarray, labels_N: np.ndarray, classes: int, seed: int) -> _FeatureModel:
        center = features.mean(axis=0)
        spread = np.sqrt(((features - center) ** 2).sum(axis=1).mean())
        scale = 1.0 / spread if spread > 0 else 1.0
        linear, _ = fit_linear((features - center) * scale, labels_N, classes, default=1.0, seed=seed)
        return cls(center, scale, linear)

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        return self.linear.predict_proba((features - self.center) * self.scale)
