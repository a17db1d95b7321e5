"""TF-IDF of character 1-4-grams, then ridge regression: the simple baseline for numbers that needs only labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy import sparse

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import check_kind, need_task, targets_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import RowFacts
from headstart.fitting.part_files import NgramsFile
from headstart.fitting.ridge import RidgeModel, fit_ridge
from headstart.vectors.tfidf import TfidfVectors
from headstart.vectors.transform import pair_features


@dataclass(frozen=True, kw_only=True)
class TfidfRidge(RouteSpec):
    """default: the penalty that is kept unless another value of the grid is clearly better on held-out rows."""

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("regress",)
    weighs: ClassVar[tuple[str, ...] | None] = None
    default: float = 1.0

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TfidfRidgeModel:
        """Fit columns and weights on the labelled rows. Raises HeadstartError: no rows, no numbers, another task."""
        need_task(self, examples)
        numbers_N = np.asarray(targets_of(examples), np.float64)
        vectors = TfidfVectors.train([*examples.items, *(examples.second or ())])
        features_NG = _features(vectors, examples)
        ridge, notes = fit_ridge(features_NG, numbers_N, default=self.default, seed=seed, facts=RowFacts.of(examples))
        return TfidfRidgeModel(vectors, ridge, examples.second is not None, {"ngrams": len(vectors.ngrams), **notes})

    def load(self, folder: Path) -> TfidfRidgeModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        vectors = TfidfVectors.from_parts(data, arrays)
        return TfidfRidgeModel(vectors, RidgeModel.from_arrays(arrays), data["pairs"], data["notes"])


class _File(NgramsFile):
    pairs: bool


class TfidfRidgeModel(TaskModel):
    """`ridge` on the rows of `vectors`; pairs: whether it was made for pairs of texts."""

    classes, task = (), "regress"

    def __init__(self, vectors: TfidfVectors, ridge: RidgeModel, pairs: bool, notes: dict[str, object]):
        self.vectors, self.ridge, self.pairs, self.notes = vectors, ridge, pairs, notes

    def predict(self, examples: Examples) -> list[float]:
        """Return the number of each row."""
        check_kind(self.pairs, examples)
        return self.ridge.numbers(_features(self.vectors, examples)).tolist() if len(examples) else []

    def save(self, folder: Path) -> None:
        """Write n-grams, their weights and the ridge into `folder`."""
        data, arrays = self.vectors.parts()
        write_parts(folder, data | {"pairs": self.pairs, "notes": self.notes}, arrays | self.ridge.arrays())


def _features(vectors: TfidfVectors, examples: Examples) -> sparse.csr_matrix:
    """Return the vectors of the examples, [N, G]; of pairs their `pair_features` and the cosine, [N, 4 G + 1]."""
    first_NG = vectors.embed(examples.items)
    if examples.second is None:
        return first_NG
    second_NG = vectors.embed(examples.second)
    cosine_N1 = sparse.csr_matrix(first_NG.multiply(second_NG).sum(axis=1))
    return sparse.hstack([pair_features(first_NG, second_NG), cosine_N1], format="csr")
