"""Linear probe: linear models on frozen vectors of the base, for classes, numbers and tags; items are embedded once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Required, TypedDict

import numpy as np

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.kinds import Count
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, no_base, targets_of
from headstart.fitting.frozen import FrozenVectors, Pooling
from headstart.fitting.linear_answers import TASKS, Linear, LinearTaskModel, fit_answers, linear_of
from headstart.fitting.linear_sets import LinearSets
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import RowFacts
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.readout import FOR_READOUT, choose_readout, prepare_readouts, strength_of
from headstart.fitting.ridge import RidgeModel, fit_ridge
from headstart.fitting.time_budget import Clock
from headstart.fitting.token_probe import fit_token_probe
from headstart.vectors.transform import pair_cosine


@dataclass(frozen=True, kw_only=True)
class Probe(RouteSpec):
    """layer: -1 last, 0 embeddings; pooling: of token outputs, or of stages (quarters, all). For images -1 and auto
    leave the choice among all of these to held-out rows. default: the C (for numbers: the penalty) that is kept unless
    another value of the grid is clearly better on held-out rows; None: 10 for classes of images, else 1. Tags use the
    tokens of the last layer."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    tasks: ClassVar[tuple[str, ...]] = (*TASKS, "regress", "tag")
    weighs: ClassVar[tuple[str, ...] | None] = (*TASKS, "regress")
    layer: int = -1
    pooling: Pooling = "auto"
    default: float | None = None

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if (why := no_base(workspace)) or examples.task != "tag":
            return why
        return registry.load("head", "tag")().refuses(workspace.base.backbone)

    def prepare(self, examples: Examples, workspace: RouteWorkspace) -> None:
        """Learn the transform and embed the rows."""
        if examples.task != "tag":
            prepare_readouts(examples, workspace, (self.layer, self.pooling))

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TaskModel:
        """Fit on the vectors of the labelled rows. Raises HeadstartError: no base, rows, answers or such layer."""
        need_task(self, examples)
        targets_of(examples)
        if examples.task in TASKS:
            return self._classes(examples, workspace, seed, seconds)
        if examples.task == "regress":
            return self._numbers(examples, workspace, seed, seconds)
        if self.layer != -1:
            raise HeadstartError(
                Reason("tag_layer", "probe.layer={layer}: tags are read from the last layer, -1", layer=self.layer)
            )
        return fit_token_probe(
            workspace.need_base(), examples, default=strength_of(self.default, examples), seed=seed, seconds=seconds
        )

    def _classes(self, examples: Examples, workspace: RouteWorkspace, seed: int, seconds: float | None) -> ProbeModel:
        clock = Clock(seconds)
        vectors, readout = self._vectors(examples, workspace, seed, clock)
        how = {"default": strength_of(self.default, examples), "seed": seed, "seconds": clock.share(1.0)}
        linear, notes = fit_answers(vectors.features(examples), examples, **how)
        return ProbeModel(
            vectors, linear, examples.classes, {**notes, **readout, "transform": vectors.transform.source}
        )

    def _vectors(
        self, examples: Examples, workspace: RouteWorkspace, seed: int, clock: Clock
    ) -> tuple[FrozenVectors, dict[str, object]]:
        given, part = (self.layer, self.pooling), Clock(clock.share(FOR_READOUT))
        return choose_readout(
            examples, workspace, given, default=strength_of(self.default, examples), seed=seed, clock=part
        )

    def _numbers(self, examples: Examples, workspace: RouteWorkspace, seed: int, seconds: float | None) -> NumberProbe:
        vectors, readout = self._vectors(examples, workspace, seed, Clock(seconds))
        features_ND = _with_cosine(vectors, examples)
        numbers_N = np.asarray(examples.targets, np.float64)
        ridge, notes = fit_ridge(
            features_ND, numbers_N, default=strength_of(self.default, examples), seed=seed, facts=RowFacts.of(examples)
        )
        return NumberProbe(vectors, ridge, {**notes, **readout, "transform": vectors.transform.source})

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        if "head" in data:
            return NetworkModel.load(folder)
        vectors = FrozenVectors.load(folder, data, arrays)
        if "ridge_weight" in arrays:
            return NumberProbe(vectors, RidgeModel.from_arrays(arrays), data["notes"])
        classes = tuple(data["classes"])
        return ProbeModel(vectors, linear_of(arrays, len(classes)), classes, data["notes"])


class _File(TypedDict, total=False):
    """Of frozen vectors, or of a network whose head was trained."""

    format: int
    layer: int
    pooling: Literal["auto", "mean", "cls", "own", "quarters", "all"]
    pairs: bool
    classes: list[str]
    notes: Required[dict[str, Any]]
    head: dict[str, Any]
    task: str
    prompt: Count
    views: str


class ProbeModel(LinearTaskModel):
    """`linear` on the frozen vectors of the base."""

    def __init__(self, vectors: FrozenVectors, linear: Linear, classes: tuple[str, ...], notes: dict[str, object]):
        self.frozen, self.linear, self.classes, self.notes = vectors, linear, classes, notes

    def features(self, examples: Examples) -> np.ndarray:
        """See `LinearTaskModel`."""
        return self.frozen.features(examples)

    def exportable(self) -> Exportable:
        """See `TaskModel.exportable`."""
        plain = ProbeModel(self.frozen.plain(), self.linear, self.classes, {})

        def ours(rows: Examples) -> np.ndarray:
            if isinstance(self.linear, LinearSets):
                return self.linear.scores(plain.features(rows))
            return plain.predict_proba(rows)

        steps = self.linear.steps()
        return self.frozen.exportable(steps, ours, gives="probabilities", classes=self.classes, task=self.task)

    def save(self, folder: Path) -> None:
        """Write base, transform and weights into `folder`."""
        self.frozen.save_base(folder)
        data = {**self.frozen.data(), "classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {**self.frozen.transform.arrays(), **self.linear.arrays()})


class NumberProbe(TaskModel):
    """`ridge` on the frozen vectors of the base; for pairs the cosine of both is one more feature."""

    classes, task = (), "regress"

    def __init__(self, vectors: FrozenVectors, ridge: RidgeModel, notes: dict[str, object]):
        self.frozen, self.ridge, self.notes = vectors, ridge, notes

    def predict(self, examples: Examples) -> list[float]:
        """Return the number of each row."""
        return self.ridge.numbers(_with_cosine(self.frozen, examples)).tolist() if len(examples) else []

    def exportable(self) -> Exportable:
        """See `TaskModel.exportable`."""
        plain = NumberProbe(self.frozen.plain(), self.ridge, {})

        def ours(rows: Examples) -> np.ndarray:
            return np.array(plain.predict(rows))[:, None]

        cosine = self.frozen.pairs
        return self.frozen.exportable(self.ridge.steps(), ours, gives="numbers", cosine=cosine, task=self.task)

    def save(self, folder: Path) -> None:
        """Write base, transform and weights into `folder`."""
        self.frozen.save_base(folder)
        arrays = {**self.frozen.transform.arrays(), **self.ridge.arrays()}
        write_parts(folder, {**self.frozen.data(), "notes": self.notes}, arrays)


def _with_cosine(vectors: FrozenVectors, examples: Examples) -> np.ndarray:
    """Return the features; for pairs the cosine of the two vectors is one more column."""
    features_ND = vectors.features(examples)
    return features_ND if examples.second is None else np.hstack([features_ND, pair_cosine(features_ND)[:, None]])
