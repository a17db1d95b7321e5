"""`HeadstartClassifier`: every route as a scikit-learn classifier; X holds texts, pairs, images, or ready features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.estimators.inputs import (
    Base,
    RouteEstimator,
    answers_of,
    center_and_scale,
    distinct,
    items_of,
    remember_columns,
    weights_of,
)
from headstart.fitting.linear import LinearModel, fit_linear
from headstart.fitting.model_selection import RowFacts


class HeadstartClassifier(ClassifierMixin, RouteEstimator):
    """Few-label classification by any route.

    base: a run directory, a Hugging Face directory or an opened `PretrainedModel`; None for routes without a base.
    route: a name of `headstart list route`; settings: a dictionary of its settings, e.g. {"layer": 2}. corpus:
    unlabelled texts or images, for routes that learn from them. seconds: time for one fit. random_state: seed or
    generator. class_weight: a dictionary of weights by class, "balanced" (each class counts as much as another), or
    None; it multiplies the weights of rows. A route in which all rows count alike refuses weights.

    X: N texts or images (of Pillow, uint8 arrays) in a list, an array, a column of pandas, polars, pyarrow or datasets,
    or a generator; or [N, 2] texts for pairs; or a numeric [N, D] array of given features, on which a logistic
    regression is fitted as by the route probe, whatever `route` is. After `fit`: `classes_`, and `model_` (a
    `TaskModel`).

    >>> HeadstartClassifier(route="tfidf_nb").fit(["good film", "bad film"], [1, 0]).predict(["good"])
    array([1])
    """

    def __init__(
        self,
        base: Base = None,
        route: str = "probe",
        *,
        settings: dict[str, Any] | None = None,
        corpus: Sequence[Any] | None = None,
        seconds: float | None = None,
        class_weight: dict[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ):
        super().__init__(base, route, settings=settings, corpus=corpus, seconds=seconds, random_state=random_state)
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> HeadstartClassifier:
        """Fit the route. sample_weight: how much each row counts, [N], at least 0; a row of weight 0 is left out.

        Raises HeadstartError (a ValueError): unknown route or setting, a route that cannot run, wrong weights.
        """
        items, seed = items_of(X), self._seed()
        if items is None:
            X, y = validate_data(self, X, y, dtype=np.float64)
        else:
            remember_columns(self, X)
            y = answers_of(y, len(items))
        check_classification_targets(y)
        self.classes_, labels_N = np.unique(y, return_inverse=True)
        weight_N = self._weights(sample_weight, y)
        if items is None:
            self.model_ = _FeatureModel.fit(X, labels_N, len(self.classes_), weight_N, seed)
        else:
            names = tuple(str(label) for label in self.classes_)
            asked = Examples(items.items, items.second, labels_N.astype(np.int64), names, weights=weight_N)
            self.model_ = self._run(asked.counting())
        return self

    def _weights(self, sample_weight: Any, y: np.ndarray) -> np.ndarray | None:
        """Return how much each row counts, or None: all alike."""
        weight_N = weights_of(sample_weight, len(y))
        if self.class_weight is None:
            return weight_N
        try:
            of_class_N = compute_sample_weight(self.class_weight, y)
        except ValueError as error:
            raise HeadstartError(f"class_weight: {error}") from None
        return weights_of(of_class_N if weight_N is None else of_class_N * weight_N, len(y))

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
    def fit(
        cls, features: np.ndarray, labels_N: np.ndarray, classes: int, weight_N: np.ndarray | None, seed: int
    ) -> _FeatureModel:
        features, labels_N, weight_N = distinct(features, labels_N, weight_N)
        center, scale = center_and_scale(features, weight_N)
        facts = RowFacts(weights=weight_N)
        linear, _ = fit_linear((features - center) * scale, labels_N, classes, default=1.0, seed=seed, facts=facts)
        return cls(center, scale, linear)

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        return self.linear.predict_proba((features - self.center) * self.scale)
