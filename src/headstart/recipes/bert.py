"""BERT: post-norm encoder, masked tokens and next sentence together (Devlin et al. 2019, arXiv:1810.04805).

Command: headstart pretrain CORPUS --out RUN --recipe bert --minutes 10. Hardware: 2 CPU cores or one GPU.
Documents of several sentences are needed; `--objective mlm` with this recipe leaves next sentence out.
Score: docs/recipes/bert.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_run, encoder_size
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class BertRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "mlm_nsp"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, encoder of a size that the budget can train, length buckets."""
        mlp_width = 4 * encoder_size(facts).width
        return encoder_run(self, facts, objective, "bert", max_length=252, mlp_width=mlp_width, pooler=False)
