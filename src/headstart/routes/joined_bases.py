"""Two bases in one linear model, your own pre-training beside a public checkpoint; their weight by inner choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, NotRequired

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.files import make_folder
from headstart.core.kinds import Share
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, need_task, no_partner, targets_of
from headstart.fitting.frozen import FrozenVectors, Pooling
from headstart.fitting.held_out_quality import choose_features
from headstart.fitting.linear import LinearModel, fit_linear
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import RowFacts
from headstart.fitting.part_files import NotesFile, VectorsFile
from headstart.fitting.ridge import RidgeModel, fit_ridge
from headstart.fitting.time_budget import Clock

# Shares of the first base in the inner products of two rows; 0 and 1 are one base alone. Equal shares are the default
# of the one-standard-error rule (docs/decisions.md, 2026-11-27).
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_EQUAL = WEIGHTS.index(0.5)
_FOR_WEIGHT = 0.5  # share of the seconds, at most, for the choice of the weight
_HOMES = ("first", "second")  # folders of a saved model


@dataclass(frozen=True, kw_only=True)
class JoinedBases(RouteSpec):
    """pooling: of token outputs of both bases; default: as for probe. The weight of the bases is chosen by
    cross-validation on the labelled rows, equal shares unless another weight is clearly better."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base", "bases"]] = "bases"
    combines: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("classify", "regress")
    weighs: ClassVar[tuple[str, ...] | None] = None
    pooling: Pooling = "auto"
    default: float = 1.0

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_partner(workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TaskModel:
        """Choose the weight and fit on the vectors of the labelled rows. Raises HeadstartError: no second base, rows,
        answers.
        """
        need_task(self, examples)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(f"this route cannot run: {refusal}")
        targets_of(examples)
        clock = Clock(seconds)
        vectors = [FrozenVectors.of(examples, space, -1, self.pooling) for space in (workspace, workspace.partner)]
        blocks = [one.features(examples) for one in vectors]
        weight, judged = self._weight(blocks, examples, seed, Clock(clock.share(_FOR_WEIGHT)))
        features_ND = weighted(blocks, weight)
        told = {"weight": weight, "weight_folds": judged, "transform": [one.transform.source for one in vectors]}
        if examples.task == "regress":
            numbers_N = np.asarray(examples.targets, np.float64)
            ridge, notes = fit_ridge(
                features_ND, numbers_N, default=self.default, seed=seed, facts=RowFacts.of(examples)
            )
            return JoinedNumbers(vectors, weight, ridge, {**notes, **told})
        linear, notes = fit_linear(
            features_ND,
            labels_of(examples),
            len(examples.classes),
            default=self.default,
            seed=seed,
            facts=RowFacts.of(examples),
            seconds=clock.share(1.0),
        )
        return JoinedClasses(vectors, weight, linear, examples.classes, {**notes, **told})

    def _weight(self, blocks: list[np.ndarray], examples: Examples, seed: int, clock: Clock) -> tuple[float, int]:
        """Return the chosen share of the first base and the number of folds that were judged."""
        shares = [partial(weighted, blocks, weight) for weight in WEIGHTS]
        chosen, judged = choose_features(shares, _EQUAL, examples, default=self.default, seed=seed, clock=clock)
        return WEIGHTS[chosen], judged

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        vectors = [FrozenVectors.load(folder / home, *read_parts(folder / home, VectorsFile)) for home in _HOMES]
        if "ridge_weight" in arrays:
            return JoinedNumbers(vectors, data["weight"], RidgeModel.from_arrays(arrays), data["notes"])
        classes = tuple(data["classes"])
        linear = LinearModel.from_arrays(arrays, len(classes))
        return JoinedClasses(vectors, data["weight"], linear, classes, data["notes"])


class _File(NotesFile):
    weight: Share
    classes: NotRequired[list[str]]


def weighted(blocks: Sequence[np.ndarray], weight: float) -> np.ndarray:
    """Return float32 [N, D1 + D2]; `weight` is the share of the first block in the inner product of two rows."""
    first, second = blocks
    return np.hstack([np.sqrt(weight) * first, np.sqrt(1 - weight) * second]).astype(np.float32)


class _OnTwoBases(TaskModel):
    """What both models share: the frozen vectors of two bases and the weight of the first."""

    stays = "it reads the vectors of two bases; export a task model of route probe on one of them"

    vectors: Sequence[FrozenVectors]
    weight: float

    def features(self, examples: Examples) -> np.ndarray:
        """Return float32 [N, D1 + D2]."""
        return weighted([one.features(examples) for one in self.vectors], self.weight)

    def write(self, folder: Path, data: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
        """Write both bases with their transforms, and what the model holds besides."""
        for home, one in zip(_HOMES, self.vectors, strict=True):
            make_folder(folder / home)
            one.save_base(folder / home)
            write_parts(folder / home, one.data(), one.transform.arrays())
        write_parts(folder, {**data, "weight": self.weight, "notes": self.notes}, arrays)


class JoinedClasses(_OnTwoBases):
    """`linear` on the frozen vectors of two bases."""

    def __init__(
        self,
        vectors: Sequence[FrozenVectors],
        weight: float,
        linear: LinearModel,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.vectors, self.weight, self.linear, self.classes, self.notes = vectors, weight, linear, classes, notes

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]."""
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.linear.predict_proba(self.features(examples))

    def save(self, folder: Path) -> None:
        """Write both bases, their transforms, the weight and the linear model into `folder`."""
        self.write(folder, {"classes": self.classes}, self.linear.arrays())


class JoinedNumbers(_OnTwoBases):
    """`ridge` on the frozen vectors of two bases."""

    classes, task = (), "regress"

    def __init__(self, vectors: Sequence[FrozenVectors], weight: float, ridge: RidgeModel, notes: dict[str, object]):
        self.vectors, self.weight, self.ridge, self.notes = vectors, weight, ridge, notes

    def predict(self, examples: Examples) -> list[float]:
        """Return the number of each row."""
        return self.ridge.numbers(self.features(examples)).tolist() if len(examples) else []

    def save(self, folder: Path) -> None:
        """Write both bases, their transforms, the weight and the ridge into `folder`."""
        self.write(folder, {}, self.ridge.arrays())
