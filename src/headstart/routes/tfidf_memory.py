"""Writes what the most alike training text was answered with (cosine of character TF-IDF); no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.base.contracts import TaskModel
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import need_task, targets_of
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.tfidf_vectors import TfidfVectors
from headstart.routes.workspace import Workspace

_LONGEST = 3  # characters of an n-gram
_AT_ONCE = 1_000  # rows compared with all training rows at a time


@dataclass(frozen=True, kw_only=True)
class TfidfMemory(RouteSpec):
    """Nothing to set: a translation memory, which a network that writes has to beat."""

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("generate",)

    def run(
        self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None
    ) -> TfidfMemoryModel:
        """Keep the training rows. Raises HeadstartError: no rows, no answers, another task."""
        need_task(self, examples)
        vectors = TfidfVectors.train(list(examples.first), _LONGEST)
        return TfidfMemoryModel(vectors, list(examples.first), list(targets_of(examples)))

    def load(self, folder: Path) -> TfidfMemoryModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        return TfidfMemoryModel(TfidfVectors.from_parts(data, arrays), data["known"], data["answered"])


class TfidfMemoryModel(TaskModel):
    """known: the training texts; answered: what each was answered with."""

    classes, task = (), "generate"

    def __init__(self, vectors: TfidfVectors, known: list[str], answered: list[str]):
        self.vectors, self.known, self.answered = vectors, known, answered
        self.notes = {"rows": len(known), "ngrams": len(vectors.ngrams)}
        self._rows = vectors.embed(known)

    def answers(self, examples: Examples) -> list[str]:
        """Return the answer of the most alike training row, of equal ones the first."""
        found: list[str] = []
        for low in range(0, len(examples), _AT_ONCE):
            asked = self.vectors.embed(examples.first[low : low + _AT_ONCE])
            best = np.asarray((asked @ self._rows.T).todense()).argmax(1)
            found += [self.answered[place] for place in best.tolist()]
        return found

    def save(self, folder: Path) -> None:
        """Write the rows, n-grams and their weights into `folder`."""
        data, arrays = self.vectors.parts()
        write_parts(folder, data | {"known": self.known, "answered": self.answered}, arrays)
