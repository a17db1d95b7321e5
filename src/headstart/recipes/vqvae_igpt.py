"""Image GPT over the codes of a VQ-VAE instead of pixels: a quarter of the tokens and fewer (van den Oord et al. 2017).

Command: headstart pretrain FOLDER --out RUN --recipe vqvae_igpt --minutes 5. Hardware: one CPU core or more, or one
GPU. Score: docs/recipes/vqvae_igpt.md.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.igpt import IGPTRecipe
from headstart.sizing.facts import Facts
from headstart.training.run_spec import RunSpec

_SHARE = 0.2  # of the budget, for the codes


@dataclass(frozen=True, kw_only=True)
class VQVAEIGPTRecipe(IGPTRecipe, RecipeSpec):
    """Only when asked for; the codes are learned first, in a fifth of the time, or in as many steps."""

    default: ClassVar[bool] = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run of `igpt` over learned codes."""
        budget = {"steps": facts.steps} if facts.seconds is None else {"seconds": _SHARE * facts.seconds}
        codes = registry.load("processor", "vqvae")(**budget)
        return dataclasses.replace(super().resolve(facts, objective), processor=codes)
