"""Image GPT (Chen et al. 2020): a causal language model over the palette ids of small images, wired as GPT-2.

Command: headstart pretrain FOLDER --out RUN --recipe igpt --minutes 5. Hardware: one CPU core or more, or one GPU.
Score: docs/recipes/igpt.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import by_budget, run_of
from headstart.training.run_spec import RunSpec

# (CPU minutes up to which it is the right size, depth, width, heads, peak rate)
_CPU_SIZES = ((20, (4, 128, 4, 2e-3)), (120, (6, 192, 6, 1.5e-3)), (10**9, (8, 320, 5, 1e-3)))
_GPU_SIZE = (12, 512, 8, 1e-3)
_MOST_TOKENS = 1_024  # of an image, so that processor.side goes up to 32 without other settings


@dataclass(frozen=True, kw_only=True)
class IGPTRecipe(RecipeSpec):
    """For objectives on images that learn from what a network has read from the left."""

    objective = "causal"
    takes: ClassVar[Literal["image"]] = "image"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: palette ids in raster order after a begin mark, a decoder that the budget can train."""
        depth, width, heads, learning_rate = by_budget(facts, _CPU_SIZES, _GPU_SIZE, 400)
        sizes = {"depth": depth, "width": width, "heads": heads, "mlp_width": 4 * width}
        return run_of(
            self,
            facts,
            objective,
            processor=registry.load("processor", "palette")(),
            backbone=registry.load("backbone", "gpt2")(**sizes, max_tokens=_MOST_TOKENS + 1),
            max_length=_MOST_TOKENS,
            learning_rate=learning_rate,
        )
