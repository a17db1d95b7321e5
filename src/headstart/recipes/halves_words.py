"""Halves with phrases, whose words look at their neighbours: for large corpora of short texts; not the default.

Command: headstart pretrain CORPUS --out RUN --recipe halves_words --minutes 8. Hardware: 2 CPU cores.
Score: docs/recipes/halves_words.md.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.halves import HalvesRecipe
from headstart.sizing.facts import Facts
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class HalvesWordsRecipe(HalvesRecipe, RecipeSpec):
    """Only when asked for: it wins at equal steps on the largest corpus tried, and loses on small ones."""

    default: ClassVar[bool] = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run of `halves` with phrases, neighbours dealt together, and a convolution over words."""
        return dataclasses.replace(
            super().resolve(facts, objective or registry.load("objective", "halves")(together=0.7)),
            processor=registry.load("processor", "ngram")(phrases=60_000),
            backbone=registry.load("backbone", "ngram_conv")(),
        )
