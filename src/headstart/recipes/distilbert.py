"""DistilBERT: a student with half of its teacher's layers (Sanh et al. 2019, arXiv:1910.01108).

Command, teacher first: headstart pretrain CORPUS --out TEACHER --objective mlm --minutes 10
then the student: headstart pretrain CORPUS --out STUDENT --recipe distilbert --base TEACHER --minutes 5
Hardware: 2 CPU cores or one GPU. The student has the teacher's wiring; the backbone below stands for it until then.
Score: docs/recipes/distilbert.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import encoder_run, encoder_size
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class DistilBertRecipe(RecipeSpec):
    """See the file's first lines."""

    objective = "distil"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: WordPiece, encoder of a size that the budget can train, length buckets."""
        mlp_width = 4 * encoder_size(facts).width
        return encoder_run(self, facts, objective, "distilbert", mlp_width=mlp_width)
