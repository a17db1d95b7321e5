"""Views on a small residual network: the best few-label vectors of small pictures for 2 to 10 CPU minutes.

Command: headstart pretrain FOLDER --out RUN --minutes 5. Hardware: one CPU core or more.
Score: docs/recipes/contrastive_small.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core import registry
from headstart.core.spec import ObjectiveSpec, RecipeSpec
from headstart.sizing.facts import Facts
from headstart.sizing.network_sizes import image_run
from headstart.training.run_spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class ContrastiveSmall(RecipeSpec):
    """For every objective that learns from vectors of images."""

    objective = "views"
    takes: ClassVar[Literal["image"]] = "image"
    first_choice: ClassVar[bool] = True

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: pixels, a small residual network, 256 images a batch, a long hold and a linear fall."""
        backbone = registry.load("backbone", "small_resnet")()
        return image_run(
            self, facts, objective, backbone=backbone, images=256, learning_rate=2e-3, warmup=0.0, hold=0.65, final=0.02
        )
