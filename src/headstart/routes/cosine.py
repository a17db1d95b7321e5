"""What the routes share that compare two texts by the cosine of their vectors."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from scipy import sparse

from headstart.base.contracts import TaskModel
from headstart.base.examples import Examples
from headstart.data.matching import best_matches
from headstart.routes.checks import check_kind, targets_of
from headstart.routes.linear import Matrix


class CosineModel(TaskModel):
    """line: for task regress, number = line[0] * cosine + line[1], within line[2] and line[3]; None for retrieve."""

    classes = ()

    def __init__(self, line: np.ndarray | None, notes: dict[str, object]):
        self.line, self.notes = line, notes
        self.task = "retrieve" if line is None else "regress"

    @abstractmethod
    def both(self, examples: Examples) -> tuple[Matrix, Matrix]:
        """Return the unit vectors of the first and of the second texts, [N, D] each."""

    def learn_line(self, examples: Examples) -> None:
        """Lay the least-squares line through cosines and numbers of the rows; without spread it is flat."""
        numbers_N = np.asarray(targets_of(examples), np.float64)
        cosine_N = self._cosine(examples)
        spread = float(cosine_N.var())
        slope = float(((cosine_N - cosine_N.mean()) * numbers_N).mean()) / spread if spread > 0 else 0.0
        offset = float(numbers_N.mean() - slope * cosine_N.mean())
        self.line, self.task = np.array([slope, offset, numbers_N.min(), numbers_N.max()]), "regress"
        self.notes["slope"] = round(slope, 4)

    def _cosine(self, examples: Examples) -> np.ndarray:
        first, second = self.both(examples)
        product = first.multiply(second) if sparse.issparse(first) else first * second
        return np.asarray(product.sum(axis=1), np.float64).ravel()

    def answers(self, examples: Examples) -> list[Any]:
        """Return the number, or the match, of each row; what matches is looked for among all second texts."""
        check_kind(True, examples)
        if not len(examples):
            return []
        if self.line is None:
            return best_matches(*self.both(examples), examples.second)
        slope, offset, lowest, highest = self.line
        return np.clip(slope * self._cosine(examples) + offset, lowest, highest).tolist()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the line to save, where there is one."""
        return {} if self.line is None else {"line": self.line}


def one_text(examples: Examples) -> str | None:
    """Return why such a route cannot run, or None."""
    return None if examples.second is not None else "it compares two texts; name the second text column"
