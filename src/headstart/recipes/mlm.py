"""Masked LM on a modern Transformer encoder (ModernBERT wiring), sized for the budget.

Command: headstart pretrain CORPUS --out RUN --objective mlm --minutes 10. Hardware: 2 CPU cores or one GPU.
Sizes follow N = sqrt(C / 6r) with r = 20-40 tokens per parameter at the measured speed of this class of machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.base import registry
from headstart.base.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.facts import Facts
from headstart.training.plan import TrainPlan
from headstart.training.run import BatchSpec, RunSpec

# (CPU minutes up to which it is the right size, depth, width, heads, peak rate)
_CPU_SIZES = ((20, 4, 128, 4, 3e-3), (120, 4, 256, 4, 2e-3), (10**9, 6, 320, 5, 1e-3))
_GPU_SIZE = (12, 768, 12, 6e-4)
_CPU_STEPS_PER_MINUTE = 400


@dataclass(frozen=True, kw_only=True)
class MaskedLMRecipe(RecipeSpec):
    """For every objective that learns from token outputs."""

    token_outputs = True

    def plan(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, encoder of a size that the budget can train, length buckets."""
        if facts.cuda:
            depth, width, heads, rate = _GPU_SIZE
        else:
            minutes = facts.seconds / 60 if facts.seconds else (facts.steps or 0) / _CPU_STEPS_PER_MINUTE
            _, depth, width, heads, rate = next(size for size in _CPU_SIZES if minutes <= size[0])
        backbone = registry.load("backbone", "modernbert")
        return RunSpec(
            corpus=facts.corpus,
            tokenizer=registry.load("tokenizer", "wordpiece")(),
            backbone=backbone(depth=depth, width=width, heads=heads),
            objective=objective or registry.load("objective", "mlm")(),
            batches=BatchSpec(tokens=65_536 if facts.cuda else 2_048, window=126),
            training=TrainPlan(
                steps=facts.steps, seconds=facts.seconds, seed=facts.seed, rate=rate, hold=0.3, final=0.05
            ),
        )
