"""Joined features: vectors of the base beside TF-IDF, skip-gram or HOG columns in one logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict

import numpy as np
from scipy import sparse

from headstart.core.errors import HeadstartError, unknown
from headstart.core.examples import Examples
from headstart.core.files import make_folder
from headstart.core.kinds import Positive
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, no_base, targets_of
from headstart.fitting.frozen import FrozenVectors, Pooling
from headstart.fitting.held_out_quality import choose_features
from headstart.fitting.image_vectors import ImageVectors
from headstart.fitting.linear import Matrix
from headstart.fitting.linear_answers import TASKS, Linear, LinearTaskModel, fit_answers, linear_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import FrozenClassesFile
from headstart.fitting.readout import FOR_READOUT, choose_readout, prepare_readouts, strength_of
from headstart.fitting.text_linear import Vectoriser, features_of
from headstart.fitting.time_budget import Clock
from headstart.routes.ppmi_logreg import PpmiLogreg
from headstart.vectors.colour_histogram import ColourHistogram
from headstart.vectors.hog import HogVectors
from headstart.vectors.image_vectoriser import ImageVectoriser
from headstart.vectors.kmeans_patches import PatchVectors
from headstart.vectors.pixels import PixelVectors
from headstart.vectors.ppmi import SubwordVectors
from headstart.vectors.scattering import ScatteringVectors
from headstart.vectors.tfidf import TfidfVectors

_TEXT: dict[str, type[Vectoriser]] = {"tfidf": TfidfVectors, "ppmi": SubwordVectors}
_IMAGE: dict[str, type[ImageVectoriser]] = {
    "hog": HogVectors,
    "scattering": ScatteringVectors,
    "kmeans_patches": PatchVectors,
    "pixels": PixelVectors,
    "colour_histogram": ColourHistogram,
}
_AUTO = {"text": ("tfidf",), "image": ("hog", "kmeans_patches")}
_TEXT_WEIGHT = 0.5
WEIGHTS = (0.0, 0.5, 1.0, 2.0)  # of the classical blocks; 0 is the probe. Equal weights are the default of the rule.
_EQUAL = WEIGHTS.index(1.0)
_FOR_WEIGHT = 0.4  # share of the seconds left, at most
Block = Vectoriser | ImageVectors


@dataclass(frozen=True, kw_only=True)
class Joined(RouteSpec):
    """columns: of texts tfidf (auto) or ppmi, of images hog and kmeans_patches (auto), scattering, pixels or
    colour_histogram; several are joined to the vectors of the base; rows of every block have length 1.

    weight: of the classical blocks relative to the vectors; None: for texts 0.5, for images chosen on held-out rows.
    layer, pooling, default: as for probe.
    """

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    combines: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = TASKS
    weighs: ClassVar[tuple[str, ...] | None] = None
    columns: tuple[str, ...] = ("auto",)
    weight: float | None = None
    layer: int = -1
    pooling: Pooling = "auto"
    default: float | None = None

    def __post_init__(self) -> None:
        for column in self.columns:
            if column not in (known := ("auto", *_TEXT, *_IMAGE)):
                raise unknown("column of route joined", column, known)
        if not self.columns or (self.weight is not None and self.weight <= 0):
            raise HeadstartError(f"joined: columns={','.join(self.columns)}, weight={self.weight}: nothing is joined")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        able = tuple(_IMAGE if examples.takes == "image" else _TEXT)
        for column in self._columns(examples):
            if column not in able:
                return Reason(
                    "joined_column", "columns={column}: of such rows there are {able:and}", column=column, able=able
                )
        corpus = PpmiLogreg().refuses(examples, workspace) if "ppmi" in self.columns else None
        return no_base(workspace) or corpus

    def prepare(self, examples: Examples, workspace: RouteWorkspace) -> None:
        """Learn the transform and make the vectors of the rows."""
        prepare_readouts(examples, workspace, (self.layer, self.pooling))
        for column in self._columns(examples):
            if column in _IMAGE:
                self._block(column, examples, workspace).features(examples)
            elif column == "ppmi":  # TF-IDF is learned from the labelled rows, anew for each draw
                self._block(column, examples, workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> JoinedModel:
        """Fit on the labelled rows. Raises HeadstartError: no base, rows, labels or such layer, no corpus for ppmi."""
        need_task(self, examples)
        targets_of(examples)
        clock = Clock(seconds)
        given, part = (self.layer, self.pooling), Clock(clock.share(FOR_READOUT))
        vectors, told = choose_readout(
            examples, workspace, given, default=strength_of(self.default, examples), seed=seed, clock=part
        )
        blocks = {column: self._block(column, examples, workspace) for column in self._columns(examples)}
        parts = [vectors.features(examples), *(_features(block, examples) for block in blocks.values())]
        weight = self.weight or (_TEXT_WEIGHT if examples.takes == "text" else None)
        if weight is None:
            weight, judged = self._weight(parts, examples, seed, Clock(clock.share(_FOR_WEIGHT)))
            told = told | {"weight_folds": judged}
        how = {"default": strength_of(self.default, examples), "seed": seed, "seconds": clock.share(1.0)}
        linear, notes = fit_answers(_joined(parts, weight), examples, **how)
        return JoinedModel(vectors, blocks, weight, linear, examples.classes, {**notes, **told, "weight": weight})

    def _weight(self, parts: list[Matrix], examples: Examples, seed: int, clock: Clock) -> tuple[float, int]:
        """Return the chosen weight of the classical blocks and the number of folds that were judged."""
        joined = [partial(_joined, parts, weight) for weight in WEIGHTS]
        how = {"default": strength_of(self.default, examples), "seed": seed, "clock": clock}
        chosen, judged = choose_features(joined, _EQUAL, examples, **how)
        return WEIGHTS[chosen], judged

    def _columns(self, examples: Examples) -> Sequence[str]:
        return [name for column in self.columns for name in (_AUTO[examples.takes] if column == "auto" else (column,))]

    def _block(self, column: str, examples: Examples, workspace: RouteWorkspace) -> Block:
        if column in _IMAGE:
            return ImageVectors.of(examples, workspace, _IMAGE[column])
        if column == "ppmi":
            return PpmiLogreg().vectors(workspace)
        return TfidfVectors.train([*examples.items, *(examples.second or ())])

    def load(self, folder: Path) -> JoinedModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        vectors = FrozenVectors.load(folder, data, arrays)
        blocks = {column: _read_block(column, *read_parts(folder / column, _BlockFile)) for column in data["columns"]}
        classes = tuple(data["classes"])
        linear = linear_of(arrays, len(classes))
        return JoinedModel(vectors, blocks, data["weight"], linear, classes, data["notes"])


class _File(FrozenClassesFile):
    columns: list[str]
    weight: float


class _BlockFile(TypedDict, total=False):
    format: int
    ngrams: list[str]
    side: Positive
    grey: bool
    patch: Positive
    stride: Positive
    cells: Positive
    source: str
    pairs: bool


def _read_block(column: str, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Block:
    if column in _IMAGE:
        return ImageVectors.from_parts(_IMAGE[column], data, arrays)
    return _TEXT[column].from_parts(data, arrays)


def _features(block: Block, examples: Examples) -> Matrix:
    return block.features(examples) if isinstance(block, ImageVectors) else features_of(block, examples)


def _joined(parts: Sequence[Matrix], weight: float) -> Matrix:
    """Return float32 [N, D + columns of the blocks]: the first part, and the others times the weight."""
    first, *blocks = parts
    if any(sparse.issparse(block) for block in blocks):
        scaled = [weight * sparse.csr_matrix(block) for block in blocks]
        return sparse.hstack([sparse.csr_matrix(first), *scaled], format="csr", dtype=np.float32)
    return np.hstack([first, *(weight * block for block in blocks)], dtype=np.float32)


class JoinedModel(LinearTaskModel):
    """`linear` on the frozen vectors of the base beside the columns of `blocks`, these times `weight`."""

    stays = (
        "it joins vectors with counts of n-grams, which no other library counts so; "
        "export a task model of route probe on the same base"
    )

    def __init__(
        self,
        vectors: FrozenVectors,
        blocks: dict[str, Block],
        weight: float,
        linear: Linear,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.frozen, self.blocks, self.weight, self.linear = vectors, blocks, weight, linear
        self.classes, self.notes = classes, notes

    def features(self, examples: Examples) -> Matrix:
        """See `LinearTaskModel`."""
        parts = [self.frozen.features(examples), *(_features(block, examples) for block in self.blocks.values())]
        return _joined(parts, self.weight)

    def save(self, folder: Path) -> None:
        """Write base, transform, weights and the columns of each block into `folder`."""
        self.frozen.save_base(folder)
        data = {**self.frozen.data(), "columns": list(self.blocks), "weight": self.weight}
        data |= {"classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {**self.frozen.transform.arrays(), **self.linear.arrays()})
        for column, block in self.blocks.items():
            make_folder(folder / column)
            write_parts(folder / column, *block.parts())
