"""Static word vectors by skip-gram over whole words: minutes on one core, the control for networks with context.

Command: headstart pretrain CORPUS --out RUN --objective skipgram --minutes 2. Hardware: 1 CPU core.
Score: docs/recipes/word2vec.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.data.batch_settings import BatchSpec
from headstart.sizing.facts import Facts
from headstart.training.plan import TrainPlan
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Word2VecRecipe(RecipeSpec):
    """For every objective that learns static vectors."""

    objective = "skipgram"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: word tokenizer, one table, a high rate, because each word is met seldom."""
        return RunSpec(
            corpus=facts.corpus,
            processor=registry.load("processor", "word")(),
            backbone=registry.load("backbone", "word_vectors")(),
            objective=objective or registry.load("objective", "skipgram")(),
            batches=BatchSpec(tokens=8_192, max_length=64, add_special_tokens=False),
            training=TrainPlan(steps=facts.steps, seconds=facts.seconds, seed=facts.seed, learning_rate=2e-2, hold=0.1),
        )
