"""Halves on an n-gram bag: the best document vectors for 2-30 CPU minutes (docs/decisions.md has the measurements).

Command: headstart pretrain CORPUS --out RUN --minutes 8. Hardware: 2 CPU cores. Score: README.md, section "How good".
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.data.batch_settings import BatchSpec
from headstart.sizing.facts import Facts
from headstart.training.plan import TrainPlan
from headstart.training.run_spec import RunSpec

# More passes tell single documents apart and lose what they share: on 34,000 comments 11 epochs gave .477/.529/.537
# at 16/64/256 labels, 140 epochs .384/.444/.494 (docs/log.md).
_MOST_EPOCHS = 16


@dataclass(frozen=True, kw_only=True)
class HalvesRecipe(RecipeSpec):
    """For every objective that learns from document vectors."""

    objective = "halves"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: n-gram tokenizer, bag encoder, batches of about 900 short documents."""
        epochs = None if facts.steps else _MOST_EPOCHS
        return RunSpec(
            corpus=facts.corpus,
            processor=registry.load("processor", "ngram")(),
            backbone=registry.load("backbone", "ngram_bag")(),
            objective=objective or registry.load("objective", "halves")(),
            batches=BatchSpec(tokens=65_536, max_length=2_048, bucket=False, add_special_tokens=False, epochs=epochs),
            training=TrainPlan(
                steps=facts.steps,
                seconds=facts.seconds,
                seed=facts.seed,
                learning_rate=1e-3,
                learning_rate_embeddings=5e-4,
            ),
        )
