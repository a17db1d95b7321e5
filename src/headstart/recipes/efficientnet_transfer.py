"""Views from EfficientNet-Lite0's ImageNet weights: what a public checkpoint gives on photographs, and after going on.

Command: headstart pretrain FOLDER --base CHECKPOINT --recipe efficientnet-transfer --out RUN --minutes 5.
Hardware: one CPU core or more. Score: docs/recipes/efficientnet_transfer.md.
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
class EfficientNetTransferRecipe(RecipeSpec):
    """To go on from a checkpoint; without one the same network starts at random."""

    objective = "views"
    takes: ClassVar[Literal["image"]] = "image"
    default: ClassVar[bool] = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: pixels, the network, batches of 64 images, a warm start and a linear fall."""
        backbone = registry.load("backbone", "efficientnet_lite")()
        return image_run(self, facts, objective, backbone=backbone, images=64, learning_rate=1e-3, warmup=0.1)
