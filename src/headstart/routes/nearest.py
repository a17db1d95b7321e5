"""Cosine of the base's frozen vectors: which text is nearest, or how alike two texts are; no weight is trained.

The vectors are taken as they are: on paraphrases of four bases the frame of `probe`, which stretches directions, cost
.02 to .18 of mean reciprocal rank, and moving the centre alone changed it by .03 at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import need_task, no_base, targets_of
from headstart.routes.cosine import CosineModel, one_text
from headstart.routes.frozen import FrozenVectors
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.vectors import Frame
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Nearest(RouteSpec):
    """layer: -1 last, 0 embeddings; pooling: of token outputs."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    tasks: ClassVar[tuple[str, ...]] = ("retrieve", "regress")
    layer: int = -1
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace) or one_text(examples)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> NearestModel:
        """Lay the line to the numbers, if they are asked for. Raises HeadstartError: no base, rows, pairs."""
        need_task(self, examples)
        targets_of(examples)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(f"this route cannot run: {refusal}")
        base = workspace.need_base()
        base.check_embedding(self.layer, self.pooling)
        width = base.backbone.width
        as_is = Frame(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), "none")
        model = NearestModel(FrozenVectors(workspace, base, self.layer, self.pooling, as_is, True), None, {})
        if examples.task == "regress":
            model.learn_line(examples)
        return model

    def load(self, folder: Path) -> NearestModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        return NearestModel(FrozenVectors.load(folder, data, arrays), arrays.get("line"), data["notes"])


class NearestModel(CosineModel):
    """Cosines of `vectors`."""

    def __init__(self, vectors: FrozenVectors, line: np.ndarray | None, notes: dict[str, object]):
        super().__init__(line, notes)
        self.vectors = vectors

    def both(self, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Return the unit vectors of the first and of the second texts, [N, D] each."""
        first, second, _, _ = np.split(self.vectors.features(examples), 4, axis=1)
        return first, second

    def save(self, folder: Path) -> None:
        """Write base, frame and line into `folder`."""
        self.vectors.save_base(folder)
        arrays = {**self.vectors.frame.arrays(), **self.arrays()}
        write_parts(folder, {**self.vectors.data(), "notes": self.notes}, arrays)
