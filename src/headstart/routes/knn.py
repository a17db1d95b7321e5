"""k nearest neighbours: weighted vote of the labelled rows nearest by cosine of frozen vectors; nothing is trained.

Weights exp(cosine / 0.2) after Wu et al. 2018 (instance discrimination), who use 0.07; on centred document vectors 0.2
was .01 to .02 better on NSMC at every number of labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.kinds import Positive
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, no_base
from headstart.fitting.frozen import FrozenVectors, Pooling
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import choose, make_folds
from headstart.fitting.part_files import FrozenClassesFile
from headstart.nn.vector_steps import Vote
from headstart.vectors.transform import unit_rows

_NEIGHBOURS = (1, 5, 10, 20, 50, 100)
_TEMPERATURE = 0.2
_BLOCK = 4_096  # rows compared at once: memory is _BLOCK x training rows


@dataclass(frozen=True, kw_only=True)
class Knn(RouteSpec):
    """layer, pooling: as for probe; default: the k that is kept unless another k of 1, 5, 10, 20, 50, 100 is clearly
    better on held-out rows."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    layer: int = -1
    pooling: Pooling = "auto"
    default: Literal[1, 5, 10, 20, 50, 100] = 20

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> KnnModel:
        """Store the vectors of the labelled rows and choose k.

        Raises HeadstartError: no base, rows, labels or such layer.
        """
        labels_N = labels_of(examples)
        vectors = FrozenVectors.of(examples, workspace, self.layer, self.pooling)
        rows_ND = unit_rows(vectors.features(examples))
        classes = len(examples.classes)

        def judge(train: np.ndarray, held: np.ndarray) -> np.ndarray:
            votes = [_vote(rows_ND[held], rows_ND[train], labels_N[train], classes, k) for k in _NEIGHBOURS]
            return np.stack([vote.argmax(axis=1) == labels_N[held] for vote in votes], axis=1)

        pairs = make_folds(labels_N, seed=seed, groups=examples.groups)
        k = _NEIGHBOURS[choose(_NEIGHBOURS, _NEIGHBOURS.index(self.default), judge, pairs)]
        notes = {"neighbours": k, "folds": len(pairs), "transform": vectors.transform.source}
        return KnnModel(vectors, rows_ND, labels_N, k, examples.classes, notes)

    def load(self, folder: Path) -> KnnModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        vectors = FrozenVectors.load(folder, data, arrays)
        return KnnModel(
            vectors, arrays["rows"], arrays["labels"], data["neighbours"], tuple(data["classes"]), data["notes"]
        )


class _File(FrozenClassesFile):
    neighbours: Positive


def _vote(query_MD: np.ndarray, rows_ND: np.ndarray, labels_N: np.ndarray, classes: int, neighbours: int) -> np.ndarray:
    """Return weighted votes [M, C] of the nearest rows; they sum to 1."""
    k = min(neighbours, len(rows_ND))
    out_MC = np.zeros((len(query_MD), classes))
    for low in range(0, len(query_MD), _BLOCK):
        cosine = query_MD[low : low + _BLOCK] @ rows_ND.T
        near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        chosen = np.take_along_axis(cosine, near, axis=1).astype(np.float64)
        weight = np.exp((chosen - chosen.max(axis=1, keepdims=True)) / _TEMPERATURE)
        place = np.arange(len(cosine))[:, None] * classes + labels_N[near]
        flat = np.bincount(place.ravel(), weight.ravel(), len(cosine) * classes)
        out_MC[low : low + _BLOCK] = flat.reshape(len(cosine), classes)
    return out_MC / out_MC.sum(axis=1, keepdims=True)


class KnnModel(TaskModel):
    """rows_ND: unit vectors of the labelled rows; labels_N: their classes; neighbours: k."""

    def __init__(
        self,
        vectors: FrozenVectors,
        rows_ND: np.ndarray,
        labels_N: np.ndarray,
        neighbours: int,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.frozen, self.rows_ND, self.labels_N, self.neighbours = vectors, rows_ND, labels_N, neighbours
        self.classes, self.notes = classes, notes

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return the share of each class in the weighted vote, [N, C]."""
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        query_ND = unit_rows(self.frozen.features(examples))
        return _vote(query_ND, self.rows_ND, self.labels_N, len(self.classes), self.neighbours)

    def exportable(self) -> Exportable:
        """See `TaskModel.exportable`."""
        ours = KnnModel(
            self.frozen.plain(), self.rows_ND, self.labels_N, self.neighbours, self.classes, {}
        ).predict_proba
        vote = Vote(self.rows_ND, self.labels_N, len(self.classes), self.neighbours, _TEMPERATURE)
        return self.frozen.exportable(vote, ours, gives="probabilities", classes=self.classes, task=self.task)

    def save(self, folder: Path) -> None:
        """Write base, transform and the vectors of the labelled rows into `folder`."""
        self.frozen.save_base(folder)
        data = {**self.frozen.data(), "neighbours": self.neighbours, "classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {**self.frozen.transform.arrays(), "rows": self.rows_ND, "labels": self.labels_N})
