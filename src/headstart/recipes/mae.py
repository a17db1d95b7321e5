"""Masked autoencoder (He et al. 2022) on a Vision Transformer: reads a quarter of the patches, draws the others.

Command: headstart pretrain FOLDER --out RUN --recipe mae --minutes 10. Hardware: one CPU core or more, or one GPU.
Score: docs/recipes/mae.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import vit_run
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class MAERecipe(RecipeSpec):
    """For objectives that hide patches of images."""

    objective = "mae"
    takes: ClassVar[Literal["image"]] = "image"

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: pixels, a Vision Transformer read by the mean of its patches, 256 images a batch."""
        return vit_run(self, facts, objective, readout="mean", beta2=0.95)
