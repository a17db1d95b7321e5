"""Cosine of frozen vectors: the nearest item for each item, or the similarity of two items; no weight is trained.

The vectors are not transformed: on paraphrases with four bases the transform of `probe`, which scales directions, lost
.02 to .18 of mean reciprocal rank, and centring alone changed it by .03 at most.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.reason import Reason, cannot_run
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, no_base, targets_of
from headstart.fitting.cosine_model import CosineModel, one_text
from headstart.fitting.frozen import FrozenVectors, Pooling
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import FrozenFile
from headstart.nn.vector_steps import Line, Step
from headstart.vectors.transform import VectorTransform


@dataclass(frozen=True, kw_only=True)
class Nearest(RouteSpec):
    """layer: -1 last, 0 embeddings; pooling: of token outputs."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    tasks: ClassVar[tuple[str, ...]] = ("retrieve", "regress")
    layer: int = -1
    pooling: Pooling = "auto"

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace) or one_text(examples)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NearestModel:
        """Fit the line from cosines to numbers, for task regress. Raises HeadstartError: no base, rows, pairs."""
        need_task(self, examples)
        targets_of(examples)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(cannot_run(refusal))
        base = workspace.need_base()
        base.check_embedding(self.layer, self.pooling)
        width = base.backbone.width
        as_is = VectorTransform(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), "none")
        model = NearestModel(FrozenVectors(workspace, base, self.layer, self.pooling, as_is, False), None, {})
        if examples.task == "regress":
            model.learn_line(examples)
        return model

    def load(self, folder: Path) -> NearestModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, FrozenFile)
        vectors = dataclasses.replace(FrozenVectors.load(folder, data, arrays), pairs=False)  # older ones read pairs
        return NearestModel(vectors, arrays.get("line"), data["notes"])


class NearestModel(CosineModel):
    """Cosines of the frozen vectors of the base."""

    def __init__(self, vectors: FrozenVectors, line: np.ndarray | None, notes: dict[str, object]):
        super().__init__(line, notes)
        self.frozen = vectors

    def rows(self, items: Sequence[Any]) -> np.ndarray:
        """Return the unit vectors of texts or images, [N, D]."""
        return self.frozen.features(Examples(items))

    def exportable(self) -> Exportable:
        """See `TaskModel.exportable`; of task retrieve the vectors leave: what is near is found where they arrive."""
        plain = NearestModel(self.frozen.plain(), self.line, {})
        if self.line is None:
            steps: list[Step] = []
            return self.frozen.exportable(steps, lambda rows: plain.rows(rows.items), gives="vectors", task=self.task)
        both = dataclasses.replace(self.frozen, pairs=True)

        def ours(rows: Examples) -> np.ndarray:
            return np.array(plain.predict(rows))[:, None]

        return both.exportable(Line(self.line), ours, gives="numbers", cosine=True, task=self.task)

    def save(self, folder: Path) -> None:
        """Write base, transform and line into `folder`."""
        self.frozen.save_base(folder)
        arrays = {**self.frozen.transform.arrays(), **self.arrays()}
        write_parts(folder, {**self.frozen.data(), "notes": self.notes}, arrays)
