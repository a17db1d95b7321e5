"""The original Transformer for translation and other writing, span pre-training first (arXiv:1706.03762, 1910.10683).

Command: headstart pretrain TEXT_OF_BOTH_LANGUAGES --out RUN --recipe transformer_translation --minutes 10, then
headstart transfer RUN --data PAIRS --text SOURCE --label TARGET. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/transformer_translation.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_size, run_of, writer_sizes
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class TransformerTranslationRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "span"
    default = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: unigram pieces of both languages together, a long warm-up for the post-norm."""
        parts = {
            "processor": registry.load("processor", "unigram")(sentinels=100),
            "backbone": registry.load("backbone", "transformer")(**writer_sizes(facts)),
        }
        return run_of(
            self,
            facts,
            objective,
            **parts,
            max_length=126,
            learning_rate=encoder_size(facts).learning_rate / 2,
            warmup=0.1,
        )
