"""Logistic regression on the base's frozen vectors; texts are embedded once, so hundreds of draws cost seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.base.contracts import TaskModel
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import labels_of, no_base
from headstart.routes.frozen import FrozenVectors
from headstart.routes.linear import LinearModel, fit_linear
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Probe(RouteSpec):
    """layer: -1 last, 0 embeddings; pooling: of token outputs; usual: the C that is kept unless another one of the grid
    is clearly better on held-out rows."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    layer: int = -1
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    usual: float = 1.0

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> ProbeModel:
        """Fit on the labelled rows' vectors. Raises HeadstartError: no base, rows, labels or such layer."""
        labels_N = labels_of(examples)
        vectors = FrozenVectors.of(examples, workspace, self.layer, self.pooling)
        linear, notes = fit_linear(
            vectors.features(examples),
            labels_N,
            len(examples.classes),
            usual=self.usual,
            seed=seed,
            groups=examples.groups,
        )
        return ProbeModel(vectors, linear, examples.classes, {**notes, "frame": vectors.frame.source})

    def load(self, folder: Path) -> ProbeModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        classes = tuple(data["classes"])
        vectors = FrozenVectors.load(folder, data, arrays)
        return ProbeModel(vectors, LinearModel.from_arrays(arrays, len(classes)), classes, data["notes"])


class ProbeModel(TaskModel):
    """`linear` on `vectors`."""

    def __init__(self, vectors: FrozenVectors, linear: LinearModel, classes: tuple[str, ...], notes: dict[str, object]):
        self.vectors, self.linear, self.classes, self.notes = vectors, linear, classes, notes

    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]."""
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.linear.scores(self.vectors.features(examples))

    def save(self, folder: Path) -> None:
        """Write base, frame and weights into `folder`."""
        self.vectors.save_base(folder)
        data = {**self.vectors.data(), "classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {**self.vectors.frame.arrays(), **self.linear.arrays()})
