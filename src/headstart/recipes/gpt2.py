"""Causal language model in the wiring of GPT-2, sized for the budget; the recipe `causal` learns faster on a CPU.

Command: headstart pretrain CORPUS --out RUN --recipe gpt2 --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/gpt2.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.spec import RecipeSpec
from headstart.recipes.causal import CausalRecipe


@dataclass(frozen=True, kw_only=True)
class GPT2Recipe(CausalRecipe, RecipeSpec):
    """For objectives that learn from what a network has read from the left."""

    backbone = "gpt2"
    inner = 4.0
    wiring: ClassVar[dict[str, Any]] = {}
