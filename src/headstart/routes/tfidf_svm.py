"""TF-IDF of character 1-4-grams, then a linear SVM (Joachims 1998) with margins scaled to probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import labels_of
from headstart.routes.text_linear import TextLinear, fit_text_linear
from headstart.routes.tfidf_vectors import TfidfVectors
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class TfidfSvm(RouteSpec):
    """usual: the C that is kept unless another one of the grid is clearly better on held-out rows."""

    classical: ClassVar[bool] = True
    usual: float = 0.3

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> TextLinear:
        """Fit columns, weights and strength on the labelled rows. Raises HeadstartError: no rows or no labels."""
        labels_of(examples)
        vectors = TfidfVectors.train([*examples.first, *(examples.second or ())])
        return fit_text_linear(vectors, examples, family="svm", usual=self.usual, seed=seed)

    def load(self, folder: Path) -> TextLinear:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return TextLinear.load(folder, TfidfVectors)
