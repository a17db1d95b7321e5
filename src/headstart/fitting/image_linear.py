"""The task models of image routes without a network: vectors of images, standardised, then a linear model.

Shapes: N images, D columns.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from headstart.core.contracts import TaskModel
from headstart.core.examples import Examples, ImageRef
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import check_kind, labels_of, targets_of
from headstart.fitting.linear import Family, LinearModel, fit_linear
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.ridge import RidgeModel, fit_ridge
from headstart.fitting.unlabelled import sample_documents
from headstart.images.decode import UnusableImage, decode
from headstart.images.squares import shapes
from headstart.vectors.transform import pair_features, unit_rows

Kind = Literal["pixels", "hog"]
_POOL = 2_000  # unlabelled images that the statistics are made from
HOG_SIDES = (32, 64, 96)  # of which the largest that no more than half of the training images are smaller than
_PRIOR = 10.0  # rows that each column is lent of the mean variance: from 10 labelled rows no column has a sure one


@dataclass(frozen=True)
class ImageVectors:
    """How images become rows of a matrix: a module of `vectors/`, then (v - center) / scale, then length 1.

    side, grey: see `images/squares.py`. center_D, scale_D: float32; source: what they were learned from, in words.
    pairs: whether examples hold two images. known: vectors by digest that a comparison has made, or None: nothing is
    kept, as in a model that was opened from files.
    """

    kind: Kind
    side: int
    grey: bool
    center_D: np.ndarray
    scale_D: np.ndarray
    source: str
    pairs: bool
    known: dict[str, np.ndarray] | None = None

    @classmethod
    def of(cls, examples: Examples, workspace: RouteWorkspace, kind: Kind, side: int | None) -> ImageVectors:
        """Return the vectors for examples like these; statistics are those of the unlabelled images where there are
        some, else of the images of `examples`, without labels.

        side: None: one of `HOG_SIDES`. Raises HeadstartError: a side that does not fit; UnusableImage.
        """
        items = [*examples.items, *(examples.second or ())]
        seen = workspace.once("image shapes", dict)
        new = {item.digest: item for item in items if item.digest not in seen}
        seen.update(zip(new, shapes(list(new.values()))))
        shape_N2 = np.stack([seen[item.digest] for item in items])
        if side is None:
            side = max((one for one in HOG_SIDES if one <= np.median(shape_N2[:, 0])), default=HOG_SIDES[0])
        grey = kind == "hog" or bool((shape_N2[:, 1] == 1).all())
        return cls._with_statistics(items, workspace, (kind, side, grey), examples.second is not None)

    @classmethod
    def _with_statistics(
        cls, items: Sequence[ImageRef], workspace: RouteWorkspace, key: tuple[Kind, int, bool], pairs: bool
    ) -> ImageVectors:
        nothing = np.zeros(0, np.float32)
        new = cls(*key, nothing, nothing, "", pairs, workspace.once(("image vectors", *key), dict))
        found = workspace.once(("image statistics", *key), lambda: new._pool(workspace))
        center_D, scale_D = found or _statistics(new.plain(items))
        return replace(new, center_D=center_D, scale_D=scale_D, source="corpus" if found else "training rows")

    def plain(self, images: Sequence[ImageRef]) -> np.ndarray:
        """Return what the module gives, float32 [N, D]; with `known` each different image is decoded once.

        Memory: 4 D bytes per different image ever asked for.
        """
        if self.known is None or not len(images):
            return self._made(images)
        missing = {image.digest: image for image in images if image.digest not in self.known}
        self.known.update(zip(missing, self._made(list(missing.values()))))
        return np.stack([self.known[image.digest] for image in images])

    def features(self, examples: Examples) -> np.ndarray:
        """Return float32 [N, D], rows of length 1; of pairs their `pair_features`, [N, 4 D].

        Raises HeadstartError: pairs where single images are read, or reversed; UnusableImage.
        """
        check_kind(self.pairs, examples)
        first = self._rows(examples.items)
        return first if examples.second is None else pair_features(first, self._rows(examples.second))

    def data(self) -> dict[str, Any]:
        """Return the JSON values to save; `from_parts` reads them with `arrays`."""
        return {"vectors": self.kind, "side": self.side, "grey": self.grey, "source": self.source, "pairs": self.pairs}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save."""
        return {"center": self.center_D, "scale": self.scale_D}

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> ImageVectors:
        """Rebuild from `data()` and `arrays()`."""
        settings = (data["vectors"], data["side"], data["grey"], arrays["center"], arrays["scale"])
        return cls(*settings, data["source"], data["pairs"])

    def _rows(self, images: Sequence[ImageRef]) -> np.ndarray:
        return unit_rows((self.plain(images) - self.center_D) / self.scale_D)

    def _made(self, images: Sequence[ImageRef]) -> np.ndarray:
        module = importlib.import_module(f"headstart.vectors.{self.kind}")
        return module.vectors(images, self.side, **({"grey": self.grey} if self.kind == "pixels" else {}))

    def _pool(self, workspace: RouteWorkspace) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the statistics of unlabelled images, or None where there are none; unusable ones are left out."""
        documents = sample_documents(workspace, _POOL) if workspace.has_documents else []
        images = [one for one in documents if isinstance(one, ImageRef)]
        try:
            rows = self._made(images)
        except UnusableImage:
            rows = self._made([image for image in images if _usable(image)])
        return _statistics(rows) if len(rows) > 1 else None


def _usable(image: ImageRef) -> bool:
    try:
        decode(image, side=1)
    except UnusableImage:
        return False
    return True


def _statistics(rows_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean, standard deviation) of each column, float32 [D]; no deviation is near 0, see `_PRIOR`.

    A pixel that is black in all rows has variance 0; divided by it, a new image with light there would be that pixel.
    """
    variance_D = rows_ND.var(axis=0, dtype=np.float64)
    shrunk_D = (len(rows_ND) * variance_D + _PRIOR * variance_D.mean()) / (len(rows_ND) + _PRIOR)
    return rows_ND.mean(axis=0, dtype=np.float64).astype(np.float32), np.sqrt(shrunk_D + 1e-12).astype(np.float32)


class ImageClasses(TaskModel):
    """`linear` on the vectors of images."""

    def __init__(self, vectors: ImageVectors, linear: LinearModel, classes: tuple[str, ...], notes: dict[str, object]):
        self.vectors, self.linear, self.classes, self.notes = vectors, linear, classes, notes

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]."""
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.linear.predict_proba(self.vectors.features(examples))

    def save(self, folder: Path) -> None:
        """Write statistics and weights into `folder`."""
        data = self.vectors.data() | {"classes": self.classes, "notes": self.notes}
        write_parts(folder, data, self.vectors.arrays() | self.linear.arrays())


class ImageNumbers(TaskModel):
    """`ridge` on the vectors of images."""

    classes, task = (), "regress"

    def __init__(self, vectors: ImageVectors, ridge: RidgeModel, notes: dict[str, object]):
        self.vectors, self.ridge, self.notes = vectors, ridge, notes

    def predict(self, examples: Examples) -> list[float]:
        """Return the number of each row."""
        return self.ridge.numbers(self.vectors.features(examples)).tolist() if len(examples) else []

    def save(self, folder: Path) -> None:
        """Write statistics and weights into `folder`."""
        write_parts(folder, self.vectors.data() | {"notes": self.notes}, self.vectors.arrays() | self.ridge.arrays())


def fit_classes(
    vectors: ImageVectors, examples: Examples, *, family: Family, default: float, seed: int
) -> ImageClasses:
    """Fit a linear classifier, see `fit_linear`. Raises HeadstartError: no rows, no labels."""
    linear, notes = fit_linear(
        vectors.features(examples),
        labels_of(examples),
        len(examples.classes),
        family=family,
        default=default,
        seed=seed,
        groups=examples.groups,
    )
    return ImageClasses(vectors, linear, examples.classes, notes | {"statistics": vectors.source})


def fit_numbers(vectors: ImageVectors, examples: Examples, *, default: float, seed: int) -> ImageNumbers:
    """Fit ridge regression, see `fit_ridge`. Raises HeadstartError: no rows, no answers."""
    numbers_N = np.asarray(targets_of(examples), np.float64)
    ridge, notes = fit_ridge(vectors.features(examples), numbers_N, default=default, seed=seed, groups=examples.groups)
    return ImageNumbers(vectors, ridge, notes | {"statistics": vectors.source})


def load_images(folder: Path) -> ImageClasses | ImageNumbers:
    """Read what either model wrote. Raises HeadstartError when damaged."""
    data, arrays = read_parts(folder)
    vectors = ImageVectors.from_parts(data, arrays)
    if "ridge_weight" in arrays:
        return ImageNumbers(vectors, RidgeModel.from_arrays(arrays), data["notes"])
    classes = tuple(data["classes"])
    return ImageClasses(vectors, LinearModel.from_arrays(arrays, len(classes)), classes, data["notes"])
