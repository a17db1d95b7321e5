"""Translation memory: the answer of the most similar training text (cosine of character TF-IDF); no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypedDict

import numpy as np

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, targets_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.vectors.tfidf import TfidfVectors

_LONGEST = 3  # characters of an n-gram
_AT_ONCE = 1_000  # rows compared with all training rows at a time


@dataclass(frozen=True, kw_only=True)
class TfidfMemory(RouteSpec):
    """No settings: the baseline of networks that generate text."""

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("generate",)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TfidfMemoryModel:
        """Keep the training rows. Raises HeadstartError: no rows, no answers, another task."""
        need_task(self, examples)
        vectors = TfidfVectors.train(list(examples.items), _LONGEST)
        return TfidfMemoryModel(vectors, list(examples.items), list(targets_of(examples)))

    def load(self, folder: Path) -> TfidfMemoryModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        return TfidfMemoryModel(TfidfVectors.from_parts(data, arrays), data["known"], data["answered"])


class _File(TypedDict):
    format: int
    ngrams: list[str]
    known: list[str]
    answered: list[str]


class TfidfMemoryModel(TaskModel):
    """known: the training texts; answered: their answers."""

    classes, task = (), "generate"

    def __init__(self, vectors: TfidfVectors, known: list[str], answered: list[str]):
        self.vectors, self.known, self.answered = vectors, known, answered
        self.notes = {"rows": len(known), "ngrams": len(vectors.ngrams)}
        self._rows = vectors.embed(known)

    def predict(self, examples: Examples) -> list[str]:
        """Return the answer of the most similar training row, the first of ties."""
        found: list[str] = []
        for low in range(0, len(examples), _AT_ONCE):
            asked = self.vectors.embed(examples.items[low : low + _AT_ONCE])
            best = np.asarray((asked @ self._rows.T).todense()).argmax(1)
            found += [self.answered[place] for place in best.tolist()]
        return found

    def save(self, folder: Path) -> None:
        """Write the rows, n-grams and their weights into `folder`."""
        data, arrays = self.vectors.parts()
        write_parts(folder, data | {"known": self.known, "answered": self.answered}, arrays)
