"""Views on a ResNet-18 for a GPU: SimCLR as it is usually trained on small pictures (Chen et al. 2020, appendix B.9).

Command: headstart pretrain FOLDER --out RUN --recipe contrastive_resnet18 --minutes 10. Hardware: one GPU.
Score: docs/recipes/contrastive_resnet18.md.
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
class ContrastiveResNet18(RecipeSpec):
    """For every objective that learns from vectors of images."""

    objective = "views"
    takes: ClassVar[Literal["image"]] = "image"
    default: ClassVar[bool] = False

    def resolve(self, facts: Facts, objective: ObjectiveSpec | None = None) -> RunSpec:
        """Return the run: pixels, ResNet-18 that starts at full resolution, 512 images a batch."""
        backbone = registry.load("backbone", "resnet")(depth=18, stem="cifar")
        return image_run(
            self, facts, objective, backbone=backbone, images=512, learning_rate=1e-3, warmup=0.05, hold=0.5, final=0.02
        )
