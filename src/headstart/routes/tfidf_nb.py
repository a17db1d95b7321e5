"""TF-IDF of character 1-4-grams, then multinomial naive Bayes (McCallum & Nigam 1998): fits in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task, targets_of
from headstart.fitting.linear_answers import TASKS
from headstart.fitting.text_linear import TextLinear, fit_text_linear
from headstart.fitting.time_budget import Clock
from headstart.vectors.tfidf import TfidfVectors


@dataclass(frozen=True, kw_only=True)
class TfidfNb(RouteSpec):
    """default: the added count that is kept unless another value of the grid is clearly better on held-out rows."""

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = TASKS
    weighs: ClassVar[tuple[str, ...] | None] = None
    default: float = 0.1

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> TextLinear:
        """Fit columns, weights and strength on the labelled rows. Raises HeadstartError: no rows or no labels."""
        need_task(self, examples)
        targets_of(examples)
        clock = Clock(seconds)
        vectors = TfidfVectors.train([*examples.items, *(examples.second or ())])
        return fit_text_linear(
            vectors, examples, family="bayes", default=self.default, seed=seed, seconds=clock.share(1.0)
        )

    def load(self, folder: Path) -> TextLinear:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return TextLinear.load(folder, TfidfVectors)
