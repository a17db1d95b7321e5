"""Linear probe: linear models on the base's frozen vectors, for classes, numbers and tags; texts are embedded once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.base import registry
from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import labels_of, need_task, no_base, targets_of
from headstart.routes.frozen import FrozenVectors
from headstart.routes.linear import LinearModel, fit_linear
from headstart.routes.network_model import NetworkModel
from headstart.routes.ridge import RidgeModel, fit_ridge
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.token_probe import fit_token_probe
from headstart.routes.vectors import pair_cosine
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Probe(RouteSpec):
    """layer: -1 last, 0 embeddings; pooling: of token outputs; usual: the C (of numbers: the penalty) that is kept
    unless another one of the grid is clearly better on held-out rows. Tags are read from the last layer's tokens."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    tasks: ClassVar[tuple[str, ...]] = ("classify", "regress", "tag")
    layer: int = -1
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    usual: float = 1.0

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        if (why := no_base(workspace)) or examples.task != "tag":
            return why
        return registry.load("head", "tag")().refuses(workspace.base.backbone)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> TaskModel:
        """Fit on the labelled rows' vectors. Raises HeadstartError: no base, rows, answers or such layer."""
        need_task(self, examples)
        if examples.task == "classify":
            return self._classes(examples, workspace, seed)
        targets_of(examples)
        if examples.task == "regress":
            return self._numbers(examples, workspace, seed)
        if self.layer != -1:
            raise HeadstartError(f"probe.layer={self.layer}: tags are read from the last layer, -1")
        return fit_token_probe(workspace.need_base(), examples, usual=self.usual, seed=seed)

    def _classes(self, examples: Examples, workspace: Workspace, seed: int) -> ProbeModel:
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

    def _numbers(self, examples: Examples, workspace: Workspace, seed: int) -> NumberProbe:
        vectors = FrozenVectors.of(examples, workspace, self.layer, self.pooling)
        features_ND = _with_cosine(vectors, examples)
        numbers_N = np.asarray(examples.targets, np.float64)
        ridge, notes = fit_ridge(features_ND, numbers_N, usual=self.usual, seed=seed, groups=examples.groups)
        return NumberProbe(vectors, ridge, {**notes, "frame": vectors.frame.source})

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        if "head" in data:
            return NetworkModel.load(folder)
        vectors = FrozenVectors.load(folder, data, arrays)
        if "ridge_weight" in arrays:
            return NumberProbe(vectors, RidgeModel.from_arrays(arrays), data["notes"])
        classes = tuple(data["classes"])
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


class NumberProbe(TaskModel):
    """`ridge` on `vectors`, of pairs with the cosine of both."""

    classes, task = (), "regress"

    def __init__(self, vectors: FrozenVectors, ridge: RidgeModel, notes: dict[str, object]):
        self.vectors, self.ridge, self.notes = vectors, ridge, notes

    def answers(self, examples: Examples) -> list[float]:
        """Return the number of each row."""
        return self.ridge.numbers(_with_cosine(self.vectors, examples)).tolist() if len(examples) else []

    def save(self, folder: Path) -> None:
        """Write base, frame and weights into `folder`."""
        self.vectors.save_base(folder)
        arrays = {**self.vectors.frame.arrays(), **self.ridge.arrays()}
        write_parts(folder, {**self.vectors.data(), "notes": self.notes}, arrays)


def _with_cosine(vectors: FrozenVectors, examples: Examples) -> np.ndarray:
    """Return the features, of pairs with the cosine of the two vectors as one more column."""
    features_ND = vectors.features(examples)
    return features_ND if examples.second is None else np.hstack([features_ND, pair_cosine(features_ND)[:, None]])
