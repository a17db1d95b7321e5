"""Pixels of a small square, then logistic regression (numbers: ridge): the simple baseline of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, targets_of
from headstart.fitting.image_linear import ImageClasses, ImageLinear, ImageNumbers
from headstart.fitting.linear_answers import TASKS
from headstart.fitting.model_parts import read_parts
from headstart.fitting.part_files import ImagePartsFile
from headstart.vectors.pixels import PixelVectors


@dataclass(frozen=True, kw_only=True)
class PixelsLogreg(ImageLinear, RouteSpec):
    """side: pixels of a side of the square; default: the C, penalty: that of ridge, each kept unless another value of
    its grid is clearly better on held-out rows."""

    tasks: ClassVar[tuple[str, ...]] = (*TASKS, "regress")
    vectoriser: ClassVar[type[PixelVectors]] = PixelVectors
    side: int = 16
    default: float = 10.0
    penalty: float = 1.0

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> ImageClasses | ImageNumbers:
        """Fit on the labelled rows. Raises HeadstartError: no rows, no answers, another task; UnusableImage."""
        need_task(self, examples)
        if examples.task in TASKS:
            return super().run(examples, workspace, seed=seed, seconds=seconds)
        targets_of(examples)
        return ImageNumbers.fit(self.vectors(examples, workspace), examples, default=self.penalty, seed=seed)

    def load(self, folder: Path) -> ImageClasses | ImageNumbers:
        """Read a saved task model. Raises HeadstartError when damaged."""
        numbers = "ridge_weight" in read_parts(folder, ImagePartsFile)[1]
        return (ImageNumbers if numbers else ImageClasses).load(folder, self.vectoriser)
