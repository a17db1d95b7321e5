"""`HeadstartVectorizer`: the vectors of a base as a scikit-learn transformer, for pipelines and column transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.core.errors import HeadstartError
from headstart.estimators.inputs import Base, center_and_scale, items_of, opened, remember_columns
from headstart.estimators.packed import packed, unpacked


class HeadstartVectorizer(TransformerMixin, BaseEstimator):
    """Texts, pairs of texts or images to vectors, float32 [N, D]; of pairs the two vectors side by side.

    base: a run directory, a Hugging Face directory or an opened `PretrainedModel`. layer: -1 the last, 0 the
    embeddings; pooling: auto, mean, cls or own. X: as for `HeadstartClassifier`; a numeric [N, D] array is centred and
    scaled by one factor to mean squared length 1, and needs no base. Nothing is learned from y.
    """

    def __init__(self, base: Base = None, *, layer: int = -1, pooling: str = "auto"):
        self.base = base
        self.layer = layer
        self.pooling = pooling

    def fit(self, X: Any, y: Any = None) -> HeadstartVectorizer:
        """Open the base. Raises HeadstartError (a ValueError): no base for texts or images, no row."""
        items = items_of(X)
        if items is None:
            X = validate_data(self, X, dtype=np.float64)
            self.center_, self.scale_ = center_and_scale(X)
            self.base_, self._n_features_out = None, X.shape[1]
            return self
        remember_columns(self, X)
        self.base_ = opened(self.base)
        if self.base_ is None:
            raise HeadstartError("base=None: vectors of texts and images are those of a base; give one")
        if not len(items):
            raise HeadstartError("X holds no row; give at least one")
        self._n_features_out = self._embedded(items.take(np.array([0]))).shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return float32 [N, D]; of given features float64."""
        check_is_fitted(self, "_n_features_out")
        items = items_of(X)
        if (items is None) != (self.base_ is None) and not (items is not None and not len(items)):
            fitted = "ready features" if items is not None else "texts or images"
            raise HeadstartError(f"this vectorizer was fitted on {fitted}; transform needs the same")
        if items is None:
            return (validate_data(self, X, dtype=np.float64, reset=False) - self.center_) * self.scale_
        return self._embedded(items) if len(items) else np.zeros((0, self._n_features_out), np.float32)

    def _embedded(self, items: Any) -> np.ndarray:
        sides = [side for side in (items.items, items.second) if side is not None]
        return np.hstack([self.base_.embed(side, layer=self.layer, pooling=self.pooling) for side in sides])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return `headstart0` ... for the D numbers of a vector."""
        check_is_fitted(self, "_n_features_out")
        return np.array([f"headstart{place}" for place in range(self._n_features_out)], object)

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle, joblib and skops keep; see `packed`."""
        return packed(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` returned. Raises HeadstartError: damaged files of a model."""
        super().__setstate__(unpacked(state))

    def __sklearn_tags__(self):
        """Declare to scikit-learn that X may hold texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags
