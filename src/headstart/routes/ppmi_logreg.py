"""Closed-form skip-gram vectors (subword PPMI + SVD) from the unlabelled text, then logistic regression; no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from headstart.core.examples import Examples
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, no_corpus, targets_of
from headstart.fitting.linear_answers import TASKS
from headstart.fitting.text_linear import TextLinear, fit_text_linear
from headstart.fitting.time_budget import Clock
from headstart.vectors.ppmi import SubwordVectors, train_subword_vectors


@dataclass(frozen=True, kw_only=True)
class PpmiLogreg(RouteSpec):
    """dimensions: of the vectors; documents: most documents that they are learned from; default: the C that is kept
    unless another C of the grid is clearly better on held-out rows."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "corpus"
    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = TASKS
    weighs: ClassVar[tuple[str, ...] | None] = None
    dimensions: int = 256
    documents: int = 200_000
    default: float = 1.0

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return no_corpus(workspace)

    def prepare(self, examples: Examples, workspace: RouteWorkspace) -> None:
        """Learn the vectors."""
        self.vectors(workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TextLinear:
        """Fit on the labelled rows; the vectors are learned once per workspace. Raises HeadstartError: rows, corpus."""
        need_task(self, examples)
        targets_of(examples)
        vectors, clock = self.vectors(workspace), Clock(seconds)
        return fit_text_linear(
            vectors, examples, family="logistic", default=self.default, seed=seed, seconds=clock.share(1.0)
        )

    def vectors(self, workspace: RouteWorkspace) -> SubwordVectors:
        """Return the document vectors, learned once and kept on disk. Raises HeadstartError: no corpus."""

        def make() -> SubwordVectors:
            documents = workspace.documents()
            return train_subword_vectors(documents, dimensions=self.dimensions, limit=self.documents)

        return workspace.kept(("ppmi", self.dimensions, self.documents), self.documents, SubwordVectors, make)

    def load(self, folder: Path) -> TextLinear:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return TextLinear.load(folder, SubwordVectors)
