"""T5: an encoder-decoder that learns to write what is hidden (Raffel et al. 2020, arXiv:1910.10683).

Command: headstart pretrain CORPUS --out RUN --recipe t5 --minutes 10. Hardware: 2 CPU cores or one GPU.
Its task is `generate`: headstart transfer RUN --data PAIRS --text SOURCE --label TARGET.
Score: docs/recipes/t5.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_size, run_of, writer_sizes
from headstart.training.run_spec import RunSpec

# The words start at N(0, 1), as in T5, and Adam's steps do not grow with them (those of T5's Adafactor do).
_RATE_WORDS = 0.02


@dataclass(frozen=True, kw_only=True)
class T5Recipe(RecipeSpec):
    """See the file's first lines."""

    objective = "span"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: unigram pieces with 100 sentinels, both sides half as deep as an encoder alone."""
        parts = {
            "processor": registry.load("processor", "unigram")(sentinels=100),
            "backbone": registry.load("backbone", "t5")(**writer_sizes(facts)),
        }
        return run_of(
            self,
            facts,
            objective,
            **parts,
            max_length=126,
            learning_rate=encoder_size(facts).learning_rate,
            learning_rate_embeddings=_RATE_WORDS,
        )
