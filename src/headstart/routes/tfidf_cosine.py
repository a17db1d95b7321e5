"""Cosine of character TF-IDF: which text is nearest, or how alike two texts are as a number; no network.

Characters and pairs of them: on KorSTS Spearman .647 on the training rows (with triples .635, up to four .620) and .751
on the dev rows; of paraphrases among Korean questions they find .82 (with triples .79, up to four .78).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import need_task, targets_of
from headstart.routes.cosine import CosineModel, one_text
from headstart.routes.linear import Matrix
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.tfidf_vectors import TfidfVectors
from headstart.routes.workspace import Workspace

_LONGEST = 2  # characters of an n-gram


@dataclass(frozen=True, kw_only=True)
class TfidfCosine(RouteSpec):
    """Nothing to set: a line keeps the order of the cosines, numbers beyond the training ones are cut."""

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("regress", "retrieve")

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return one_text(examples)

    def run(
        self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None
    ) -> TfidfCosineModel:
        """Learn the weights of n-grams, of numbers also the line. Raises HeadstartError: no rows, answers, pairs."""
        need_task(self, examples)
        targets_of(examples)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(f"this route cannot run: {refusal}")
        vectors = TfidfVectors.train([*examples.first, *examples.second], _LONGEST)
        model = TfidfCosineModel(vectors, None, {"ngrams": len(vectors.ngrams)})
        if examples.task == "regress":
            model.learn_line(examples)
        return model

    def load(self, folder: Path) -> TfidfCosineModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        return TfidfCosineModel(TfidfVectors.from_parts(data, arrays), arrays.get("line"), data["notes"])


class TfidfCosineModel(CosineModel):
    """Cosines of the rows of `vectors`."""

    def __init__(self, vectors: TfidfVectors, line: np.ndarray | None, notes: dict[str, object]):
        super().__init__(line, notes)
        self.vectors = vectors

    def both(self, examples: Examples) -> tuple[Matrix, Matrix]:
        """Return the rows of the first and of the second texts, [N, G] each."""
        return self.vectors.embed(examples.first), self.vectors.embed(examples.second)

    def save(self, folder: Path) -> None:
        """Write n-grams, their weights and the line into `folder`."""
        data, arrays = self.vectors.parts()
        write_parts(folder, data | {"notes": self.notes}, arrays | self.arrays())
