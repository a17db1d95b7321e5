"""Two views get the same vector, whose numbers all vary and do not go together; no negatives (VICReg).

Bardes, Ponce, LeCun 2022, arXiv:2105.04906, equations 1 to 6, divided by the width as in the reference's code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.core import ranks
from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Loss, Term
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.shapes import ImageShape
from headstart.core.spec import ObjectiveSpec
from headstart.images.augmentation import ViewSettings
from headstart.networks.two_views import TwoViews, last_stage, projection, stage_width

_EPS = 1e-4  # under the root of a variance


@dataclass(frozen=True, kw_only=True)
class VICRegSpec(ViewSettings, ObjectiveSpec):
    """invariance, variance, covariance: weights of the three terms. hidden, projection: widths of the layers that only
    training uses, two of the first. For the others see `ViewSettings`."""

    batch: ClassVar[tuple[str, ...]] = ("pixels",)
    reads: ClassVar[tuple[str, ...]] = ("document", "bidirectional")
    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0
    hidden: int = 512
    projection: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("invariance", "variance", "covariance"):
            if not getattr(self, name) >= 0:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: must be at least 0")

    def build(self, backbone: Backbone, processor: Processor) -> VICReg:
        """Return the objective for any network of pixels."""
        return VICReg(self, stage_width(backbone, processor.shape), processor.shape)


class VICReg(TwoViews):
    """L = invariance mean (z - z')^2 + variance hinge(1 - std) + covariance sum of squares off the diagonal / D.

    Variance and covariance are those of a batch: of accumulated batches the loss is the mean of theirs. parts:
    `spread`, the mean standard deviation of the numbers of a vector; below 1 they collapse.
    """

    compares_samples = True
    fewest = 2
    needs = "it needs at least two images"

    def __init__(self, spec: VICRegSpec, width: int, shape: ImageShape) -> None:
        super().__init__(spec, shape)
        self.weights = spec.invariance, spec.variance, spec.covariance
        self.head = projection(width, spec.hidden, spec.hidden, spec.projection)

    def forward(self, backbone: Backbone, batch: ImageBatch) -> Loss:
        """Return the three terms: over B images, and over the D numbers of a vector."""
        vector_MD = self.head(last_stage(backbone, self.both(batch)))
        with torch.autocast(vector_MD.device.type, enabled=False):  # squares of small numbers
            one, two = map(ranks.gathered, vector_MD.float().chunk(2))
            count, width = one.own.shape
            apart = (one.own - two.own).square().mean(1).sum()
            width = 0 if one.start else width  # of all samples, the same on each rank: the one with the first counts
            (std_D, bound), (other_D, other_bound) = _spread(one.every), _spread(two.every)
            hinge = (F.relu(1 - std_D) + F.relu(1 - other_D)).sum() / 2
        invariance, variance, covariance = self.weights
        terms = {
            "invariance": Term(invariance * apart, count),
            "variance": Term(variance * hinge, width),
            "covariance": Term(covariance * (bound + other_bound), width),
        }
        return Loss(terms, {"spread": std_D.detach().mean()})


def _spread(vector_BD: Tensor) -> tuple[Tensor, Tensor]:
    """Return (the standard deviation of each number [D], the summed squares of the covariances of different ones)."""
    centred_BD = vector_BD - vector_BD.mean(0)
    covariance_DD = centred_BD.T @ centred_BD / max(len(vector_BD) - 1, 1)
    own_D = covariance_DD.diagonal()
    return (own_D + _EPS).sqrt(), covariance_DD.square().sum() - own_D.square().sum()
