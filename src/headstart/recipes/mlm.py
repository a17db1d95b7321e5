"""Masked LM on a modern Transformer encoder (ModernBERT wiring), sized for the budget.

Command: headstart pretrain CORPUS --out RUN --objective mlm --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/mlm.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_run, encoder_size
from headstart.training.run_spec import RunSpec

# Twice BERT's 15 %: in short runs targets are what is scarce. 75 seconds on one core of NSMC: 6.62 nats instead of
# 6.77; MosaicBERT (Portes et al. 2023, arXiv:2312.17482) masks 30 % too.
_MASK_RATIO = 0.3


@dataclass(frozen=True, kw_only=True)
class MaskedLMRecipe(RecipeSpec):
    """For every objective that learns from token outputs."""

    objective = "mlm"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, encoder of a size that the budget can train, length buckets, 30 % masked."""
        masked = registry.load("objective", "mlm")(mask_ratio=_MASK_RATIO)
        mlp_width = max(256, 2 * encoder_size(facts).width)  # of each half of the gate
        return encoder_run(self, facts, objective or masked, "modernbert", mlp_width=mlp_width)
