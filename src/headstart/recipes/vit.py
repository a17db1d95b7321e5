"""Views on a Vision Transformer: contrastive pre-training as of MoCo v3 (Chen et al. 2021, arXiv:2104.02057), no queue.

Command: headstart pretrain FOLDER --out RUN --recipe vit --minutes 10. Hardware: one CPU core or more, or one GPU.
Score: docs/recipes/vit.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import vit_run
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class ViTRecipe(RecipeSpec):
    """Only when asked for: in CPU minutes a small residual network learns more (`views`)."""

    objective = "views"
    takes: ClassVar[Literal["image"]] = "image"
    default: ClassVar[bool] = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: pixels, a Vision Transformer with a class token, 256 images a batch."""
        return vit_run(self, facts, objective, readout="class")
