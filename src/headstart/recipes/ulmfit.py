"""ULMFiT's language model: AWD-LSTM on running text, then fine-tuned (Howard & Ruder 2018, arXiv:1801.06146).

Command: headstart pretrain CORPUS --out RUN --recipe ulmfit --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/ulmfit.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.base import registry
from headstart.base.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.facts import Facts
from headstart.recipes.sizes import tokens_per_batch
from headstart.training.plan import TrainPlan
from headstart.training.run import BatchSpec, RunSpec

# (CPU minutes up to which it is the right size, width, inner width, peak rate); the last is the paper's.
_CPU_SIZES = ((20, 192, 384, 4e-3), (120, 256, 640, 3e-3), (10**9, 400, 1150, 2e-3))
_GPU_SIZE = (400, 1150, 2e-3)
_CPU_STEPS_PER_MINUTE = 400


@dataclass(frozen=True, kw_only=True)
class UlmfitRecipe(RecipeSpec):
    """For objectives that learn from outputs that read from left to right."""

    objective = "causal"

    def plan(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, AWD-LSTM of a size that the budget can train, streams of text, one-cycle rate."""
        if facts.cuda:
            width, inner, rate = _GPU_SIZE
        else:
            minutes = facts.seconds / 60 if facts.seconds else (facts.steps or 0) / _CPU_STEPS_PER_MINUTE
            _, width, inner, rate = next(size for size in _CPU_SIZES if minutes <= size[0])
        return RunSpec(
            corpus=facts.corpus,
            tokenizer=registry.load("tokenizer", "wordpiece")(),
            backbone=registry.load("backbone", "awd_lstm")(width=width, inner=inner),
            objective=objective or registry.load("objective", self.objective)(),
            batches=BatchSpec(tokens=tokens_per_batch(facts), window=64, continuous=True),
            training=TrainPlan(
                steps=facts.steps, seconds=facts.seconds, seed=facts.seed, rate=rate, warmup=0.1, hold=0.1, final=0.02
            ),
        )
