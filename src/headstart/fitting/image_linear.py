"""Image routes without a network: vectors of images (`fitting/image_vectors.py`), then a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from headstart.core.examples import Examples
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import targets_of
from headstart.fitting.image_vectors import ImageVectors
from headstart.fitting.linear import Family, Matrix
from headstart.fitting.linear_answers import TASKS, Linear, LinearTaskModel, fit_answers, linear_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import RowFacts
from headstart.fitting.part_files import ImageClassesFile, ImageFile
from headstart.fitting.ridge import RidgeModel, fit_ridge
from headstart.vectors.image_vectoriser import ImageVectoriser


@dataclass(frozen=True, kw_only=True)
class ImageLinear:
    """A route that is a vectoriser and a family of linear classifiers.

    side: pixels of a side of the square, None: by the usual size of the training images; default: the C that is kept
    unless another value of the grid is clearly better on held-out rows.
    """

    takes: ClassVar[tuple[str, ...]] = ("image",)
    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = TASKS
    weighs: ClassVar[tuple[str, ...] | None] = None
    vectoriser: ClassVar[type[ImageVectoriser]]
    family: ClassVar[Family] = "logistic"
    side: int | None = None
    default: float = 1.0

    def learned(self) -> dict[str, Any]:
        """Return the settings with which the vectoriser learns."""
        return {}

    def vectors(self, examples: Examples, workspace: RouteWorkspace) -> ImageVectors:
        """Return the vectors for examples like these. Raises HeadstartError, UnusableImage; see `ImageVectors.of`."""
        return ImageVectors.of(examples, workspace, self.vectoriser, side=self.side, **self.learned())

    def prepare(self, examples: Examples, workspace: RouteWorkspace) -> None:
        """Learn what is learned from unlabelled images and make the vectors of the rows."""
        self.vectors(examples, workspace).features(examples)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> ImageClasses:
        """Fit on the labelled rows. Raises HeadstartError: no rows, no labels, a wrong side; UnusableImage."""
        targets_of(examples)
        vectors = self.vectors(examples, workspace)
        how = {"family": self.family, "default": self.default, "seed": seed, "seconds": seconds}
        linear, notes = fit_answers(vectors.features(examples), examples, **how)
        return ImageClasses(vectors, linear, examples.classes, notes | {"statistics": vectors.source})

    def load(self, folder: Path) -> ImageClasses:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return ImageClasses.load(folder, self.vectoriser)


class ImageClasses(LinearTaskModel):
    """`linear` on the vectors of images."""

    def __init__(self, vectors: ImageVectors, linear: Linear, classes: tuple[str, ...], notes: dict[str, object]):
        self.vectors, self.linear, self.classes, self.notes = vectors, linear, classes, notes

    def features(self, examples: Examples) -> Matrix:
        """See `LinearTaskModel`."""
        return self.vectors.features(examples)

    def save(self, folder: Path) -> None:
        """Write vectoriser, statistics and weights into `folder`."""
        data, arrays = self.vectors.parts()
        data |= {"classes": self.classes, "notes": self.notes}
        write_parts(folder, data, arrays | self.linear.arrays())

    @classmethod
    def load(cls, folder: Path, kind: type[ImageVectoriser]) -> ImageClasses:
        """Read what `save` wrote; `kind` is the vectoriser's class. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, ImageClassesFile)
        classes = tuple(data["classes"])
        linear = linear_of(arrays, len(classes))
        return cls(ImageVectors.from_parts(kind, data, arrays), linear, classes, data["notes"])


class ImageNumbers(TaskModel):
    """`ridge` on the vectors of images."""

    classes, task = (), "regress"

    def __init__(self, vectors: ImageVectors, ridge: RidgeModel, notes: dict[str, object]):
        self.vectors, self.ridge, self.notes = vectors, ridge, notes

    @classmethod
    def fit(cls, vectors: ImageVectors, examples: Examples, *, default: float, seed: int) -> ImageNumbers:
        """Fit ridge regression, see `fit_ridge`. Raises HeadstartError: no rows, no answers."""
        numbers_N = np.asarray(targets_of(examples), np.float64)
        features_ND = vectors.features(examples)
        ridge, notes = fit_ridge(features_ND, numbers_N, default=default, seed=seed, facts=RowFacts.of(examples))
        return cls(vectors, ridge, notes | {"statistics": vectors.source})

    def predict(self, examples: Examples) -> list[float]:
        """Return the number of each row."""
        return self.ridge.numbers(self.vectors.features(examples)).tolist() if len(examples) else []

    def save(self, folder: Path) -> None:
        """Write vectoriser, statistics and weights into `folder`."""
        data, arrays = self.vectors.parts()
        write_parts(folder, data | {"notes": self.notes}, arrays | self.ridge.arrays())

    @classmethod
    def load(cls, folder: Path, kind: type[ImageVectoriser]) -> ImageNumbers:
        """Read what `save` wrote; `kind` is the vectoriser's class. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, ImageFile)
        return cls(ImageVectors.from_parts(kind, data, arrays), RidgeModel.from_arrays(arrays), data["notes"])
