"""Prototypes: the nearest mean vector of a class on frozen vectors, for one row a class and up (Snell et al. 2017).

No weight is trained and nothing is chosen, so that a single row of each class is enough. Distance is by cosine
(arXiv:1703.05175 has squared Euclidean distances, for which vectors of length 1 give the same order).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from scipy.special import softmax

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, no_base
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import FrozenClassesFile
from headstart.nn.vector_steps import SOFTMAX, UNIT, for_all_classes
from headstart.vectors.transform import unit_rows


@dataclass(frozen=True, kw_only=True)
class Prototypes(RouteSpec):
    """layer, pooling: as for probe; temperature: probabilities are softmax(cosine / temperature)."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    layer: int = -1
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    temperature: float = 0.1

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> PrototypeModel:
        """Average the vectors of each class. Raises HeadstartError: no base, rows, labels or such layer."""
        labels_N = labels_of(examples)
        vectors = FrozenVectors.of(examples, workspace, self.layer, self.pooling)
        seen_K, place_N = np.unique(labels_N, return_inverse=True)
        rows_ND = unit_rows(vectors.features(examples))
        mean_KD = np.stack([rows_ND[place_N == place].mean(0) for place in range(len(seen_K))])
        notes = {"transform": vectors.transform.source}
        return PrototypeModel(vectors, unit_rows(mean_KD), seen_K, self.temperature, examples.classes, notes)

    def load(self, folder: Path) -> PrototypeModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        told = (data["temperature"], tuple(data["classes"]), data["notes"])
        return PrototypeModel(FrozenVectors.load(folder, data, arrays), arrays["prototypes"], arrays["seen"], *told)


class _File(FrozenClassesFile):
    temperature: float


class PrototypeModel(TaskModel):
    """prototypes_KD: unit vectors of the K classes seen; seen_K: their numbers."""

    def __init__(
        self,
        vectors: FrozenVectors,
        prototypes_KD: np.ndarray,
        seen_K: np.ndarray,
        temperature: float,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.frozen, self.prototypes_KD, self.seen_K, self.temperature = vectors, prototypes_KD, seen_K, temperature
        self.classes, self.notes = classes, notes

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; a class never seen gets 0."""
        out_NC = np.zeros((len(examples), len(self.classes)))
        if len(examples):
            cosine_NK = unit_rows(self.frozen.features(examples)) @ self.prototypes_KD.T
            out_NC[:, self.seen_K] = softmax(cosine_NK.astype(np.float64) / self.temperature, axis=1)
        return out_NC

    def exportable(self) -> Exportable:
        """See `TaskModel.exportable`."""
        told = (self.prototypes_KD, self.seen_K, self.temperature, self.classes, {})
        ours = PrototypeModel(self.frozen.plain(), *told).predict_proba
        weight_KD, bias_K = self.prototypes_KD / self.temperature, np.zeros(len(self.seen_K))
        steps = [UNIT, for_all_classes(weight_KD, bias_K, self.seen_K, len(self.classes)), SOFTMAX]
        return self.frozen.exportable(steps, ours, gives="probabilities", classes=self.classes, task=self.task)

    def save(self, folder: Path) -> None:
        """Write base, transform and prototypes into `folder`."""
        self.frozen.save_base(folder)
        data = {**self.frozen.data(), "temperature": self.temperature, "classes": self.classes, "notes": self.notes}
        arrays = {**self.frozen.transform.arrays(), "prototypes": self.prototypes_KD, "seen": self.seen_K}
        write_parts(folder, data, arrays)
