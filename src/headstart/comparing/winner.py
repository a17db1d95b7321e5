"""The winner of a comparison: the recommended route, trained on all labelled rows and saved as REPORT/winner.

The score in the report belongs to models that learned a part of the labelled rows; the model that is left behind learns
all of them: the pool, and the test rows too where these were split off the same files. Rows of test files of their own
stay unseen, so that they can still test it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from headstart.comparing.draws import Split
from headstart.comparing.make_cell import refusal_of
from headstart.comparing.receipts import receipt, workspace_identity
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.manifest import faults
from headstart.core.task_model import TaskModel
from headstart.core.time_limit import cut_after
from headstart.data.identity import examples_identity
from headstart.fitting.task_model_files import read_task, receipt_of, save_task
from headstart.fitting.workspace import Workspace
from headstart.statistics.study import Cell, Entry

_AMPLE = 2.0  # times the expected seconds are given to a route that ends by itself


@dataclass(frozen=True, eq=False)
class Winner:
    """What is to be left behind. entry: the recommended one; cells: of the comparison. rows: all that it learns from.

    ledger: of the labelled files.
    """

    folder: Path
    entry: Entry
    cells: Sequence[Cell]
    rows: Examples
    workspace: Workspace
    ledger: Mapping[str, Any]
    seed: int

    @property
    def identity(self) -> str:
        """A hash over the route, the rows, the workspace, the seed and the versions: it says which model this is."""
        everything = Split(((np.arange(len(self.rows)), None),), {"how": "all", "draw": 0, "size": len(self.rows)})
        made_of = {"training": examples_identity(self.rows)}
        space = workspace_identity(self.workspace, self.entry.base)
        return receipt(self.entry.route, everything, made_of, space, seed=self.seed)["cell"]

    @property
    def is_there(self) -> bool:
        """Whether this very model was left by an earlier run and is intact."""
        if not self.folder.is_dir() or faults(self.folder, "task"):
            return False
        return read_task(self.folder).get("receipt", {}).get("winner") == self.identity

    def expected(self) -> float:
        """Return the seconds that training is expected to take."""
        return expected_seconds(self.cells, self.entry.name, len(self.rows))

    def train(self, left: float, most: float) -> TaskModel:
        """Train it within the seconds `left`, or longer where its cells took longer; save it whole or not at all.

        Raises HeadstartError when the route refuses or the disk does, OutOfTime when training takes more than `most`
        seconds, and whatever the route raises.
        """
        route, begun = self.entry.route, time.monotonic()
        if refusal := refusal_of(route, self.rows, self.workspace):
            raise HeadstartError(refusal)
        usual, expected = self._usual(), self.expected()
        seconds = None if route.classical else max(usual, min(left, _AMPLE * expected))
        with cut_after(most):
            model = route.run(self.rows, self.workspace, seed=self.seed, seconds=seconds)
        self.workspace.forget_vectors()  # embedded in other batches, they differ in the last bit from those of a reader
        told = receipt_of(self.rows, self.workspace, self.ledger, seed=self.seed, seconds=time.monotonic() - begun)
        told["base"] = told["base"] if self.entry.base is not None else None
        save_task(model, self.folder, route, told | {"winner": self.identity}, self.rows)
        return model

    def _usual(self) -> float:
        """Return the seconds of training behind the score in the report, at the most labels."""
        return max(map(_training, _at_most_labels(self.cells, self.entry.name)), default=0.0)


def expected_seconds(cells: Sequence[Cell], entry: str, rows: int) -> float:
    """Return what an entry needs to learn so many rows, by its quickest cells at the two largest label counts.

    With one label count in proportion to its cells; without any 0.
    """
    own = _at_most_labels(cells, entry)
    if not own:
        return 0.0
    size, seconds = own[0].size, min(map(_training, own))
    fewer = _at_most_labels([cell for cell in cells if cell.size < size], entry)
    each = seconds / size
    if fewer:  # a part of the seconds does not depend on the rows
        each = min(each, (seconds - min(map(_training, fewer))) / (size - fewer[0].size))
    return seconds + max(each, 0.0) * max(rows - size, 0)


def leading(cells: Sequence[Cell]) -> str | None:
    """Return the entry of the best mean score at the most labels so far, None without cells."""
    most = max((cell.size for cell in cells), default=0)
    scores: dict[str, list[float]] = {}
    for cell in cells:
        if cell.size == most and cell.score == cell.score:
            scores.setdefault(cell.entry, []).append(cell.score)
    return max(scores, key=lambda name: mean(scores[name]), default=None)


def _at_most_labels(cells: Sequence[Cell], entry: str) -> list[Cell]:
    own = [cell for cell in cells if cell.entry == entry]
    most = max((cell.size for cell in own), default=0)
    return [cell for cell in own if cell.size == most]


def _training(cell: Cell) -> float:
    """Return the seconds of training of one model of a cell; a cross-validation trains one for each fold."""
    taken = cell.receipt.get("seconds", {}).get("training", cell.seconds)
    return taken / cell.receipt.get("split", {}).get("folds", 1)
