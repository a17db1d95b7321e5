"""Causal language model (Llama wiring on byte-pair tokens), sized for the budget.

Command: headstart pretrain CORPUS --out RUN --objective causal --minutes 10. Hardware: 2 CPU cores or one GPU.
Sizes follow N = sqrt(C / 6r) with r = about 12 tokens per parameter at the measured speed of this class of machine.
Score: docs/recipes/causal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import by_budget, run_of
from headstart.training.run_spec import RunSpec

# (CPU minutes up to which it is the right size, depth, width, heads, peak rate)
_CPU_SIZES = ((20, (4, 128, 4, 2e-3)), (120, (5, 192, 6, 1.5e-3)), (10**9, (6, 320, 5, 1e-3)))
_GPU_SIZE = (12, 768, 12, 6e-4)


@dataclass(frozen=True, kw_only=True)
class CausalRecipe(RecipeSpec):
    """For objectives that learn from what a network has read from the left."""

    objective = "causal"
    backbone: ClassVar[str] = "llama"
    inner: ClassVar[float] = 8 / 3  # width of the position-wise network for each of D
    wiring: ClassVar[dict[str, Any]] = {"tied": False}  # an output of its own begins as a bigram model

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: byte-pair tokens, a decoder of a size that the budget can train, windows of running text."""
        depth, width, heads, learning_rate = by_budget(facts, _CPU_SIZES, _GPU_SIZE, 600)
        longest = 1_024 if facts.cuda else 256
        sizes = {"depth": depth, "width": width, "heads": heads, "max_tokens": longest, **self.wiring}
        mlp_width = -int(-self.inner * width // 8) * 8
        parts = {
            "processor": registry.load("processor", "bpe")(),
            "backbone": registry.load("backbone", self.backbone)(**sizes, mlp_width=mlp_width),
        }
        return run_of(
            self, facts, objective, **parts, max_length=longest - 2, stateful=True, learning_rate=learning_rate
        )
