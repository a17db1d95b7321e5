"""Nearest class mean (Rocchio 1971) of HOG or pixels: the simplest classifier, without a strength to choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of
from headstart.fitting.class_means import class_means
from headstart.fitting.image_linear import ImageClasses
from headstart.fitting.image_vectors import ImageVectors
from headstart.fitting.model_parts import read_parts
from headstart.fitting.part_files import ImageClassesFile
from headstart.vectors.hog import HogVectors
from headstart.vectors.image_vectoriser import ImageVectoriser
from headstart.vectors.pixels import PixelVectors

_KINDS: dict[str, type[ImageVectoriser]] = {"hog": HogVectors, "pixels": PixelVectors}


@dataclass(frozen=True, kw_only=True)
class NearestMean(RouteSpec):
    """columns: what the means are of. side: of the square, None: by the size of the training images."""

    takes: ClassVar[tuple[str, ...]] = ("image",)
    classical: ClassVar[bool] = True
    columns: Literal["hog", "pixels"] = "hog"
    side: int | None = None

    def prepare(self, examples: Examples, workspace: RouteWorkspace) -> None:
        """Make the vectors of the rows."""
        self._vectors(examples, workspace).features(examples)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> ImageClasses:
        """Take the means of the labelled rows. Raises HeadstartError: no rows, labels, a wrong side; UnusableImage."""
        labels_N = labels_of(examples)
        vectors = self._vectors(examples, workspace)
        linear, sharpness = class_means(vectors.features(examples), labels_N, len(examples.classes))
        notes = {"sharpness": sharpness, "columns": self.columns, "statistics": vectors.source}
        return ImageClasses(vectors, linear, examples.classes, notes)

    def _vectors(self, examples: Examples, workspace: RouteWorkspace) -> ImageVectors:
        return ImageVectors.of(examples, workspace, _KINDS[self.columns], side=self.side)

    def load(self, folder: Path) -> ImageClasses:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return ImageClasses.load(folder, _KINDS[read_parts(folder, ImageClassesFile)[0]["notes"]["columns"]])
