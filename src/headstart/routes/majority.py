"""Always the most frequent class of the labelled rows: the floor that every other row must clear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.base.contracts import TaskModel
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import labels_of
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Majority(RouteSpec):
    """Nothing to set; of equally frequent classes the first is taken."""

    classical: ClassVar[bool] = True

    def run(
        self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None
    ) -> MajorityModel:
        """Count the classes. Raises HeadstartError: no rows or no labels."""
        counts_C = np.bincount(labels_of(examples), minlength=len(examples.classes))
        return MajorityModel(counts_C / counts_C.sum(), examples.classes)

    def load(self, folder: Path) -> MajorityModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        return MajorityModel(arrays["share"], tuple(data["classes"]))


class MajorityModel(TaskModel):
    """share_C: the share of each class among the labelled rows, given as every row's probabilities."""

    def __init__(self, share_C: np.ndarray, classes: tuple[str, ...]):
        self.share_C, self.classes, self.notes = share_C, classes, {}

    def scores(self, examples: Examples) -> np.ndarray:
        """Return the same probabilities for every row, [N, C]."""
        return np.tile(self.share_C, (len(examples), 1))

    def save(self, folder: Path) -> None:
        """Write the shares into `folder`."""
        write_parts(folder, {"classes": self.classes}, {"share": self.share_C})
