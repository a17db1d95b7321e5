"""Pixels of a small square, then logistic regression (numbers: ridge): the simple baseline of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, targets_of
from headstart.fitting.image_linear import (
    ImageClasses,
    ImageNumbers,
    ImageVectors,
    fit_classes,
    fit_numbers,
    load_images,
)


@dataclass(frozen=True, kw_only=True)
class PixelsLogreg(RouteSpec):
    """side: pixels of a side of the square; default: the C, penalty: that of ridge, each kept unless another value of
    its grid is clearly better on held-out rows."""

    takes: ClassVar[tuple[str, ...]] = ("image",)
    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("classify", "regress")
    side: int = 16
    default: float = 10.0
    penalty: float = 1.0

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> ImageClasses | ImageNumbers:
        """Fit on the labelled rows. Raises HeadstartError: no rows, no answers, another task; UnusableImage."""
        need_task(self, examples)
        targets_of(examples)
        vectors = ImageVectors.of(examples, workspace, "pixels", self.side)
        if examples.task == "regress":
            return fit_numbers(vectors, examples, default=self.penalty, seed=seed)
        return fit_classes(vectors, examples, family="logistic", default=self.default, seed=seed)

    def load(self, folder: Path) -> ImageClasses | ImageNumbers:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return load_images(folder)
