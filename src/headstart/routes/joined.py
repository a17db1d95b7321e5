"""Joined features: the base's vectors beside TF-IDF or skip-gram columns in one logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from scipy import sparse

from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError, unknown
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import labels_of, no_base
from headstart.routes.frozen import FrozenVectors
from headstart.routes.linear import LinearModel, fit_linear
from headstart.routes.ppmi_logreg import PpmiLogreg
from headstart.routes.ppmi_vectors import SubwordVectors
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.text_linear import Vectoriser, features_of
from headstart.routes.tfidf_vectors import TfidfVectors
from headstart.routes.workspace import Workspace

_COLUMNS: dict[str, type[Vectoriser]] = {"tfidf": TfidfVectors, "ppmi": SubwordVectors}


@dataclass(frozen=True, kw_only=True)
class Joined(RouteSpec):
    """columns: tfidf, ppmi or both, joined to the base's vectors; every block has rows of length 1 in its own frame.
    weight: of a classical block, where the vectors count 1: two texts that share few n-grams are then told apart by
    their vectors. layer, pooling, usual: as for probe."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    columns: tuple[str, ...] = ("tfidf",)
    weight: float = 0.5
    layer: int = -1
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    usual: float = 1.0

    def __post_init__(self) -> None:
        for column in self.columns:
            if column not in _COLUMNS:
                raise unknown("column of route joined", column, _COLUMNS)
        if not self.columns or self.weight <= 0:
            raise HeadstartError(f"joined: columns={','.join(self.columns)}, weight={self.weight}: nothing is joined")

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        corpus = PpmiLogreg().refuses(examples, workspace) if "ppmi" in self.columns else None
        return no_base(workspace) or corpus

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> JoinedModel:
        """Fit on the labelled rows. Raises HeadstartError: no base, rows, labels or such layer, no corpus for ppmi."""
        labels_N = labels_of(examples)
        vectors = FrozenVectors.of(examples, workspace, self.layer, self.pooling)
        blocks = {column: self._block(column, examples, workspace) for column in self.columns}
        linear, notes = fit_linear(
            _joined(vectors, blocks, self.weight, examples),
            labels_N,
            len(examples.classes),
            usual=self.usual,
            seed=seed,
            groups=examples.groups,
        )
        return JoinedModel(vectors, blocks, self.weight, linear, examples.classes, notes)

    def _block(self, column: str, examples: Examples, workspace: Workspace) -> Vectoriser:
        if column == "ppmi":
            return PpmiLogreg().vectors(workspace)
        return TfidfVectors.train([*examples.first, *(examples.second or ())])

    def load(self, folder: Path) -> JoinedModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        vectors = FrozenVectors.load(folder, data, arrays)
        blocks = {column: _COLUMNS[column].from_parts(*read_parts(folder / column)) for column in data["columns"]}
        classes = tuple(data["classes"])
        linear = LinearModel.from_arrays(arrays, len(classes))
        return JoinedModel(vectors, blocks, data["weight"], linear, classes, data["notes"])


def _joined(
    vectors: FrozenVectors, blocks: dict[str, Vectoriser], weight: float, examples: Examples
) -> sparse.csr_matrix:
    """Return float32 [N, D + columns of the blocks]."""
    parts = [weight * sparse.csr_matrix(features_of(block, examples)) for block in blocks.values()]
    return sparse.hstack([sparse.csr_matrix(vectors.features(examples)), *parts], format="csr", dtype=np.float32)


class JoinedModel(TaskModel):
    """`linear` on `vectors` beside the columns of `blocks`, these times `weight`."""

    def __init__(
        self,
        vectors: FrozenVectors,
        blocks: dict[str, Vectoriser],
        weight: float,
        linear: LinearModel,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.vectors, self.blocks, self.weight, self.linear = vectors, blocks, weight, linear
        self.classes, self.notes = classes, notes

    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]."""
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.linear.scores(_joined(self.vectors, self.blocks, self.weight, examples))

    def save(self, folder: Path) -> None:
        """Write base, frame, weights and each block's columns into `folder`."""
        self.vectors.save_base(folder)
        data = {**self.vectors.data(), "columns": list(self.blocks), "weight": self.weight}
        data |= {"classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {**self.vectors.frame.arrays(), **self.linear.arrays()})
        for column, block in self.blocks.items():
            (folder / column).mkdir()
            write_parts(folder / column, *block.parts())
