"""Joined features: vectors of the base beside TF-IDF or skip-gram columns in one logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from scipy import sparse

from headstart.core.contracts import TaskModel
from headstart.core.errors import HeadstartError, unknown
from headstart.core.examples import Examples
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, no_base
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.linear import LinearModel, fit_linear
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.text_linear import Vectoriser, features_of
from headstart.fitting.time_budget import Clock
from headstart.routes.ppmi_logreg import PpmiLogreg
from headstart.vectors.ppmi import SubwordVectors
from headstart.vectors.tfidf import TfidfVectors

_COLUMNS: dict[str, type[Vectoriser]] = {"tfidf": TfidfVectors, "ppmi": SubwordVectors}


@dataclass(frozen=True, kw_only=True)
class Joined(RouteSpec):
    """columns: tfidf, ppmi or both, joined to the vectors of the base; rows of every block have length 1.

    weight: of the classical blocks relative to the vectors. layer, pooling, default: as for probe.
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    combines: ClassVar[bool] = True
    columns: tuple[str, ...] = ("tfidf",)
    weight: float = 0.5
    layer: int = -1
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    default: float = 1.0

    def __post_init__(self) -> None:
        for column in self.columns:
            if column not in _COLUMNS:
                raise unknown("column of route joined", column, _COLUMNS)
        if not self.columns or self.weight <= 0:
            raise HeadstartError(f"joined: columns={','.join(self.columns)}, weight={self.weight}: nothing is joined")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        corpus = PpmiLogreg().refuses(examples, workspace) if "ppmi" in self.columns else None
        return no_base(workspace) or corpus

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> JoinedModel:
        """Fit on the labelled rows. Raises HeadstartError: no base, rows, labels or such layer, no corpus for ppmi."""
        clock, labels_N = Clock(seconds), labels_of(examples)
        vectors = FrozenVectors.of(examples, workspace, self.layer, self.pooling)
        blocks = {column: self._block(column, examples, workspace) for column in self.columns}
        linear, notes = fit_linear(
            _joined(vectors, blocks, self.weight, examples),
            labels_N,
            len(examples.classes),
            default=self.default,
            seed=seed,
            groups=examples.groups,
            seconds=clock.share(1.0),
        )
        return JoinedModel(vectors, blocks, self.weight, linear, examples.classes, notes)

    def _block(self, column: str, examples: Examples, workspace: RouteWorkspace) -> Vectoriser:
        if column == "ppmi":
            return PpmiLogreg().vectors(workspace)
        return TfidfVectors.train([*examples.items, *(examples.second or ())])

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
    """`linear` on the frozen vectors of the base beside the columns of `blocks`, these times `weight`."""

    def __init__(
        self,
        vectors: FrozenVectors,
        blocks: dict[str, Vectoriser],
        weight: float,
        linear: LinearModel,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.frozen, self.blocks, self.weight, self.linear = vectors, blocks, weight, linear
        self.classes, self.notes = classes, notes

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]."""
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.linear.predict_proba(_joined(self.frozen, self.blocks, self.weight, examples))

    def save(self, folder: Path) -> None:
        """Write base, transform, weights and the columns of each block into `folder`."""
        self.frozen.save_base(folder)
        data = {**self.frozen.data(), "columns": list(self.blocks), "weight": self.weight}
        data |= {"classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {**self.frozen.transform.arrays(), **self.linear.arrays()})
        for column, block in self.blocks.items():
            (folder / column).mkdir()
            write_parts(folder / column, *block.parts())
