"""The original Transformer for translation and other writing, span pre-training first (arXiv:1706.03762, 1910.10683).

Command: headstart pretrain TEXT_OF_BOTH_LANGUAGES --out RUN --recipe transformer_translation --minutes 10, then
headstart transfer RUN --data PAIRS --text SOURCE --label TARGET. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/transformer_translation.md.
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
class TransformerTranslationRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "span"
    usual = False

    def plan(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: unigram pieces of both languages together, a long warm-up for the post-norm."""
        size = encoder_size(facts)
        backbone = registry.load("backbone", "transformer")
        return RunSpec(
            corpus=facts.corpus,
            tokenizer=registry.load("tokenizer", "unigram")(sentinels=100),
            backbone=backbone(
                depth=max(size.depth // 2, 2), width=size.width, heads=size.heads, mlp_width=4 * size.width
            ),
            objective=objective or registry.load("objective", self.objective)(),
            batches=BatchSpec(tokens=tokens_per_batch(facts), window=126),
            training=TrainPlan(
                steps=facts.steps, seconds=facts.seconds, seed=facts.seed, rate=size.rate / 2, warmup=0.1, hold=0.3,
                final=0.05,
            ),
        )  # fmt: skip
