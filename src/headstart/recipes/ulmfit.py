"""ULMFiT's language model: AWD-LSTM on running text, then fine-tuned (Howard & Ruder 2018, arXiv:1801.06146).

Command: headstart pretrain CORPUS --out RUN --recipe ulmfit --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/ulmfit.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.base import registry
from headstart.base.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.facts import Facts
from headstart.recipes.sizes import by_budget, run_of
from headstart.training.run import RunSpec

# (CPU minutes up to which it is the right size, width, inner width, peak rate); the last is the paper's.
_CPU_SIZES = ((20, (192, 384, 4e-3)), (120, (256, 640, 3e-3)), (10**9, (400, 1150, 2e-3)))
_GPU_SIZE = (400, 1150, 2e-3)


@dataclass(frozen=True, kw_only=True)
class UlmfitRecipe(RecipeSpec):
    """For objectives that learn from outputs that read from left to right."""

    objective = "causal"

    def plan(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, AWD-LSTM of a size that the budget can train, streams of text, one-cycle rate."""
        width, inner, rate = by_budget(facts, _CPU_SIZES, _GPU_SIZE, 400)
        parts = {
            "tokenizer": registry.load("tokenizer", "wordpiece")(),
            "backbone": registry.load("backbone", "awd_lstm")(width=width, inner=inner),
        }
        cycle = {"rate": rate, "warmup": 0.1, "hold": 0.1, "final": 0.02}
        return run_of(self, facts, objective, **parts, window=64, continuous=True, **cycle)
