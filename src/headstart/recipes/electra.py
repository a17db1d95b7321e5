"""ELECTRA: a network that finds the tokens a small generator replaced (Clark et al. 2020, arXiv:2003.10555).

Command: headstart pretrain CORPUS --out RUN --recipe electra --minutes 10. Hardware: 2 CPU cores or one GPU.
Score: docs/recipes/electra.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_run, encoder_size
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class ElectraRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "rtd"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, encoder of a size that the budget can train, length buckets."""
        mlp_width = 4 * encoder_size(facts).width
        return encoder_run(self, facts, objective, "electra", mlp_width=mlp_width)
