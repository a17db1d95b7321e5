"""ELMo: two language models, left to right and right to left, on LSTMs (Peters et al. 2018, arXiv:1802.05365).

Command: headstart pretrain CORPUS --out RUN --objective bilm --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/elmo.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import by_budget, run_of
from headstart.training.run_spec import RunSpec

# (CPU minutes up to which it is the right size, width of both directions, peak rate)
_CPU_SIZES = ((20, (256, 4e-3)), (120, (512, 2e-3)), (10**9, (1024, 1e-3)))
_GPU_SIZE = (2048, 1e-3)


@dataclass(frozen=True, kw_only=True)
class ElmoRecipe(RecipeSpec):
    """For objectives that learn from outputs of each direction apart."""

    objective = "bilm"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, LSTMs of a size that the budget can train, a document's start and end known."""
        width, learning_rate = by_budget(facts, _CPU_SIZES, _GPU_SIZE, 600)
        parts = {
            "processor": registry.load("processor", "wordpiece")(),
            "backbone": registry.load("backbone", "elmo")(width=width),
        }
        return run_of(self, facts, objective, **parts, max_length=126, learning_rate=learning_rate)
