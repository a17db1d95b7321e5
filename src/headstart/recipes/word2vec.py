"""Static word vectors by skip-gram over whole words: minutes on one core, the control for networks with context.

Command: headstart pretrain CORPUS --out RUN --objective skipgram --minutes 2. Hardware: 1 CPU core.
Score: docs/recipes/word2vec.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.base import registry
from headstart.base.spec import ObjectiveSpec, RecipeSpec
from headstart.recipes.facts import Facts
from headstart.training.plan import TrainPlan
from headstart.training.run import BatchSpec, RunSpec


@dataclass(frozen=True, kw_only=True)
class Word2VecRecipe(RecipeSpec):
    """For every objective that learns static vectors."""

    objective = "skipgram"

    def plan(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: word tokenizer, one table, a high rate, because each word is met seldom."""
        return RunSpec(
            corpus=facts.corpus,
            tokenizer=registry.load("tokenizer", "word")(),
            backbone=registry.load("backbone", "word_vectors")(),
            objective=objective or registry.load("objective", "skipgram")(),
            batches=BatchSpec(tokens=8_192, window=64, framed=False),
            training=TrainPlan(steps=facts.steps, seconds=facts.seconds, seed=facts.seed, rate=2e-2, hold=0.1),
        )
