"""`HeadstartClassifier`: every route as a scikit-learn classifier; X holds texts, pairs of texts, or ready features."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.in_memory import listed
from headstart.fitting.linear import LinearModel, fit_linear
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel


class HeadstartClassifier(ClassifierMixin, BaseEstimator):
    """Few-label classification by any route.

    base: a run directory, a Hugging Face directory or an opened `PretrainedModel`; None for routes without a base.
    route: a name of `headstart list route`; settings: a dictionary of its settings, e.g. {"layer": 2}. corpus:
    unlabelled documents, for routes that learn from them. seconds: time for one fit. random_state: seed or generator.

    X: N texts in a list, an array, a column of pandas, polars, pyarrow or datasets, or a generator; or [N, 2] texts for
    pairs; or a numeric [N, D] array of given features, on which a logistic regression
    is fitted as by the route probe, whatever `route` is. After `fit`: `classes_`, and `model_` (a `TaskModel`).

    >>> HeadstartClassifier(route="tfidf_nb").fit(["good film", "bad film"], [1, 0]).predict(["good"])
    array([1])
    """

    def __init__(
        self,
        base: str | PathLike | PretrainedModel | None = None,
        route: str = "probe",
        *,
        settings: dict[str, Any] | None = None,
        corpus: Sequence[str] | None = None,
        seconds: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.base = base
        self.route = route
        self.settings = settings
        self.corpus = corpus
        self.seconds = seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> HeadstartClassifier:
        """Fit the route. Raises HeadstartError (a ValueError): unknown route or setting, a route that cannot run."""
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        texts = _texts(X)
        if texts is None:
            X, y = validate_data(self, X, y, dtype=np.float64)
        else:
            _forget(self, "n_features_in_", "feature_names_in_")
            y = _labels(y, len(texts))
        check_classification_targets(y)
        self.classes_, labels_N = np.unique(y, return_inverse=True)
        self.model_ = (
            _FeatureModel.fit(X, labels_N, len(self.classes_), int(seed))
            if texts is None
            else self._run_route(texts, labels_N, int(seed))
        )
        return self

    def _run_route(self, texts: Examples, labels_N: np.ndarray, seed: int) -> Any:
        route = registry.build_spec("route", {"name": self.route, **(self.settings or {})})
        base = PretrainedModel.open(Path(self.base)) if isinstance(self.base, str | PathLike) else self.base
        corpus = self.corpus
        workspace = Workspace(base, None if corpus is None else lambda: corpus)
        names = tuple(str(label) for label in self.classes_)
        examples = Examples(texts.items, texts.second, labels_N.astype(np.int64), names)
        refusal = route.refuses(examples, workspace)
        if refusal:
            raise HeadstartError(f"route {self.route} cannot run: {refusal}")
        return route.run(examples, workspace, seed=seed, seconds=self.seconds)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities [N, C], columns in the order of `classes_`."""
        check_is_fitted(self, "model_")
        texts = _texts(X)
        if texts is not None and not len(texts):
            return np.zeros((0, len(self.classes_)))
        if (texts is None) != isinstance(self.model_, _FeatureModel):
            fitted = "ready features" if texts is not None else "texts"
            raise HeadstartError(f"this classifier was fitted on {fitted}; predict needs the same")
        if texts is not None:
            return self.model_.predict_proba(texts)
        return self.model_.predict_proba(validate_data(self, X, dtype=np.float64, reset=False))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, [N]."""
        scores_NC = self.predict_proba(X)
        return self.classes_[scores_NC.argmax(axis=1)]

    def __sklearn_tags__(self):
        """Declare to scikit-learn that X may hold texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


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


def _forget(estimator: BaseEstimator, *names: str) -> None:
    """Delete attributes that an earlier fit on features set."""
    for name in names:
        if hasattr(estimator, name):
            delattr(estimator, name)


def _texts(X: Any) -> Examples | None:
    """Return X as unlabelled examples if it holds strings, or None if scikit-learn should read it as numbers."""
    X = listed(X)
    if getattr(X, "ndim", 1) not in (1, 2) or hasattr(X, "tocsr"):
        return None
    try:
        array = np.asarray(X, dtype=object)
    except ValueError:  # ragged lists
        return None
    if array.size == 0 and isinstance(X, list):
        return Examples(items=[])
    if array.size == 0 or not isinstance(array.flat[0], str) or array.ndim not in (1, 2):
        return None
    wrong = next((place for place, value in np.ndenumerate(array) if not isinstance(value, str)), None)
    if wrong is not None:
        raise HeadstartError(
            f"X: row {wrong[0]} holds {type(array[wrong]).__name__}, expected a text like the rows before"
        )
    if array.ndim == 1:
        return Examples(items=array.tolist())
    if array.shape[1] == 1:
        return Examples(items=array[:, 0].tolist())
    if array.shape[1] == 2:
        return Examples(items=array[:, 0].tolist(), second=array[:, 1].tolist())
    raise HeadstartError(f"X holds {array.shape[1]} text columns; expected 1, or 2 for pairs of texts")


def _labels(y: Any, rows: int) -> np.ndarray:
    """Return the labels of that many texts, [N], as they were given. Raises HeadstartError: none, another number."""
    y = listed(y)
    for row, label in enumerate(y if isinstance(y, list) else ()):
        if label is None or label != label:
            raise HeadstartError(f"y: row {row} holds {label}, which is no label; leave such rows out")
    if not rows:
        raise HeadstartError("X holds no text; give at least one of each of two classes")
    y = column_or_1d(y, warn=True)
    if rows != len(y):
        raise HeadstartError(f"X holds {rows} rows and y {len(y)} labels; they must agree")
    return y
