"""What the estimators take as X and y: texts, pairs of texts, images, or ready features; and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_feature_names, _check_sample_weight, column_or_1d

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.data.in_memory import is_absent, listed
from headstart.data.memory_files import image_of, is_picture
from headstart.estimators.packed import packed, unpacked
from headstart.fitting.checks import why_not
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel

Base = str | PathLike | PretrainedModel | None


def opened(base: Base) -> PretrainedModel | None:
    """Return a base, opened where its folder is given. Raises HeadstartError: it cannot be opened."""
    return PretrainedModel.open(Path(base)) if isinstance(base, str | PathLike) else base


class RouteEstimator(BaseEstimator):
    """The parameters that estimators of routes share, and how a route is run; see `HeadstartClassifier`."""

    def __init__(
        self,
        base: Base = None,
        route: str = "probe",
        *,
        settings: dict[str, Any] | None = None,
        corpus: Sequence[Any] | None = None,
        seconds: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.base = base
        self.route = route
        self.settings = settings
        self.corpus = corpus
        self.seconds = seconds
        self.random_state = random_state

    def _seed(self) -> int:
        seed = self.random_state
        return int(seed if isinstance(seed, int | np.integer) else check_random_state(seed).randint(2**31 - 1))

    def _run(self, examples: Examples) -> TaskModel:
        """Return the task model of the route. Raises HeadstartError: unknown route or setting, it cannot run."""
        route = self._route()
        corpus = None if self.corpus is None else items_of(self.corpus)
        if corpus is None and self.corpus is not None:
            raise HeadstartError("corpus: give a list of texts or images")
        workspace = Workspace(opened(self.base), None if corpus is None else partial(iter, corpus.items))
        if refusal := why_not(route, examples, workspace):
            raise HeadstartError(f"route {self.route} cannot run: {refusal}")
        model = route.run(examples, workspace, seed=self._seed(), seconds=self.seconds)
        workspace.keep_nothing()
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle, joblib and skops keep; see `packed`."""
        return packed(super().__getstate__(), self._route())

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` returned. Raises HeadstartError: damaged files of a model."""
        super().__setstate__(unpacked(state))

    def _route(self) -> RouteSpec:
        return registry.build_spec("route", {"name": registry.named("route", self.route), **(self.settings or {})})

    def __sklearn_tags__(self):
        """Declare to scikit-learn that X may hold texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


def remember_columns(estimator: BaseEstimator, X: Any) -> None:
    """Set `feature_names_in_` and `n_features_in_` where X is a frame, as scikit-learn does; else delete them."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            delattr(estimator, name)
    if hasattr(X, "columns"):
        _check_feature_names(estimator, X, reset=True)
        estimator.n_features_in_ = len(X.columns)


def items_of(X: Any) -> Examples | None:
    """Return X as unlabelled examples if it holds texts or images, None if scikit-learn should read it as numbers."""
    X = listed(X)
    if pictures := _pictures(X):
        return Examples(items=pictures)
    if getattr(X, "ndim", 1) not in (1, 2) or hasattr(X, "tocsr"):
        return None
    try:
        array = np.asarray(X, dtype=object)
    except ValueError:  # ragged lists
        return None
    numbers = isinstance(X, np.ndarray) and (X.dtype.kind not in "UTO" or X.ndim > 1)
    if array.size == 0 and not numbers:
        return Examples(items=[])
    first = next((one for one in array.flat if not is_absent(one)), None)
    if first is None or not isinstance(first, str) or array.ndim not in (1, 2):
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


def answers_of(y: Any, rows: int) -> np.ndarray:
    """Return the answers to that many rows, [N], as they were given. Raises HeadstartError: none, another number."""
    y = listed(y)
    objects = isinstance(y, np.ndarray) and y.dtype == object
    for row, label in enumerate(y.ravel() if objects else y if isinstance(y, list) else ()):
        if is_absent(label):
            raise HeadstartError(f"y: row {row} holds {label}, which is no label; leave such rows out")
    if not rows:
        raise HeadstartError("X holds no text; give at least one of each of two classes")
    y = column_or_1d(y, warn=True)
    if rows != len(y):
        raise HeadstartError(f"X holds {rows} rows and y {len(y)} labels; they must agree")
    return y


def distinct(
    features: np.ndarray, answers_N: np.ndarray, weight_N: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return given features [M, D], answers [M] and weights [M] of the different rows that count, in a fixed order.

    Equal rows with equal answers become one row with the sum of their weights: a row of weight 2 and a row that is
    given twice are the same, the folds by which a strength is chosen included.
    """
    weight_N = np.ones(len(features)) if weight_N is None else weight_N
    both_NE = np.column_stack([features, answers_N])[weight_N > 0]
    _, first_M, place_N = np.unique(both_NE, axis=0, return_index=True, return_inverse=True)
    summed_M = np.bincount(place_N.ravel(), weight_N[weight_N > 0])
    return features[weight_N > 0][first_M], answers_N[weight_N > 0][first_M], summed_M


def center_and_scale(features: np.ndarray, weight_N: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Return the mean [D] of given features [N, D] and the factor that brings their mean squared length to 1."""
    center_D = np.average(features, axis=0, weights=weight_N)
    spread = np.sqrt(np.average(((features - center_D) ** 2).sum(axis=1), weights=weight_N))
    return center_D, (1.0 / spread if spread > 0 else 1.0)


def weights_of(sample_weight: Any, rows: int) -> np.ndarray | None:
    """Return how much each of that many rows counts, float64 [N], or None: all alike.

    Raises HeadstartError: another number of weights, one below 0 or not finite, all of them 0.
    """
    if sample_weight is None:
        return None
    try:
        weight_N = _check_sample_weight(sample_weight, np.empty((rows, 0)), ensure_non_negative=True)
    except ValueError as error:
        raise HeadstartError(f"sample_weight: {str(error).splitlines()[0]}") from None
    return np.asarray(weight_N, np.float64)


def _pictures(X: Any) -> list[ImageRef]:
    """Return X as references to images, or nothing where it holds none."""
    if isinstance(X, np.ndarray) and (X.dtype != np.uint8 or X.ndim not in (3, 4)) and X.dtype != object:
        return []
    if not isinstance(X, list | np.ndarray) or not len(X) or not (isinstance(X[0], Image.Image) or is_picture(X[0])):
        return []
    if isinstance(X[0], np.ndarray) and not isinstance(X, np.ndarray) and X[0].ndim < 2:
        return []
    return [image_of(one) for one in X]
