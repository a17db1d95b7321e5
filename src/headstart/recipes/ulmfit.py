"""ULMFiT's language model: AWD-LSTM on running text, then fine-tuned (Howard & Ruder 2018, arXiv:1801.06146).

Command: headstart pretrain CORPUS --out RUN --recipe ulmfit --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/ulmfit.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import by_budget, run_of
from headstart.training.run_spec import RunSpec

# (CPU minutes up to which it is the right size, width, inner width, peak rate); the last is the paper's.
_CPU_SIZES = ((20, (192, 384, 4e-3)), (120, (256, 640, 3e-3)), (10**9, (400, 1150, 2e-3)))
_GPU_SIZE = (400, 1150, 2e-3)


@dataclass(frozen=True, kw_only=True)
class UlmfitRecipe(RecipeSpec):
    """For objectives that learn from outputs that read from left to right."""

    objective = "causal"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, AWD-LSTM of a size that the budget can train, streams of text, one-cycle rate."""
        width, inner, learning_rate = by_budget(facts, _CPU_SIZES, _GPU_SIZE, 400)
        parts = {
            "processor": registry.load("processor", "wordpiece")(),
            "backbone": registry.load("backbone", "awd_lstm")(width=width, inner=inner),
        }
        cycle = {"learning_rate": learning_rate, "warmup": 0.1, "hold": 0.1, "final": 0.02}
        return run_of(self, facts, objective, **parts, max_length=64, stateful=True, **cycle)
