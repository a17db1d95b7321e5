"""BERT: post-norm encoder, masked tokens and next sentence together (Devlin et al. 2019, arXiv:1810.04805).

Command: headstart pretrain CORPUS --out RUN --recipe bert --minutes 10. Hardware: 2 CPU cores or one GPU.
Documents of several sentences are needed; `--objective mlm` with this recipe leaves next sentence out.
Score: docs/recipes/bert.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.base import registry
from headstart.base.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.facts import Facts
from headstart.recipes.sizes import encoder_size, tokens_per_batch
from headstart.training.plan import TrainPlan
from headstart.training.run import BatchSpec, RunSpec


@dataclass(frozen=True, kw_only=True)
class BertRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "mlm_nsp"

    def plan(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, encoder of a size that the budget can train, length buckets."""
        size = encoder_size(facts)
        backbone = registry.load("backbone", "bert")
        return RunSpec(
            corpus=facts.corpus,
            tokenizer=registry.load("tokenizer", "wordpiece")(),
            backbone=backbone(
                depth=size.depth, width=size.width, heads=size.heads, mlp_width=4 * size.width, pooler=False
            ),
            objective=objective or registry.load("objective", self.objective)(),
            batches=BatchSpec(tokens=tokens_per_batch(facts), window=252),
            training=TrainPlan(
                steps=facts.steps, seconds=facts.seconds, seed=facts.seed, rate=size.rate, hold=0.3, final=0.05
            ),
        )
