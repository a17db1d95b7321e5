"""Histograms of oriented gradients, then a linear SVM (Dalal and Triggs 2005): the strong baseline of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of
from headstart.fitting.image_linear import ImageClasses, ImageVectors, fit_classes, load_images


@dataclass(frozen=True, kw_only=True)
class HogSvm(RouteSpec):
    """side: pixels of a side of the square, None: 32, 64 or 96 by the size of the training images; default: the C that
    is kept unless another value of the grid is clearly better on held-out rows."""

    takes: ClassVar[tuple[str, ...]] = ("image",)
    classical: ClassVar[bool] = True
    side: int | None = None
    default: float = 1.0

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> ImageClasses:
        """Fit on the labelled rows. Raises HeadstartError: no rows, no labels, a wrong side; UnusableImage."""
        labels_of(examples)
        vectors = ImageVectors.of(examples, workspace, "hog", self.side)
        return fit_classes(vectors, examples, family="svm", default=self.default, seed=seed)

    def load(self, folder: Path) -> ImageClasses:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return load_images(folder)
