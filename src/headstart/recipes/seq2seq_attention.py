"""LSTM encoder-decoder with attention for writing, span pre-training first (arXiv:1409.0473, 1910.10683).

Command: headstart pretrain TEXT_OF_BOTH_LANGUAGES --out RUN --recipe seq2seq_attention --minutes 10, then
headstart transfer RUN --data PAIRS --text SOURCE --label TARGET. Hardware: 2 CPU cores.
Score: docs/recipes/seq2seq_attention.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_size, run_of
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class AttentiveSeq2SeqRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "span"
    default = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: unigram pieces of both languages together, one layer on each side, short samples."""
        size = encoder_size(facts)
        parts = {
            "processor": registry.load("processor", "unigram")(sentinels=100),
            "backbone": registry.load("backbone", "seq2seq_attention")(width=2 * size.width),
        }
        return run_of(self, facts, objective, **parts, max_length=62, learning_rate=size.learning_rate)
