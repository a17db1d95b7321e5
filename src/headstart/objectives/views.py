"""Recognise the other view: two random views of an image must find each other among those of the batch (SimCLR).

InfoNCE in both directions (van den Oord et al. 2018, arXiv:1807.03748; Chen et al. 2020, arXiv:2002.05709): each view
is told from the 2B - 2 views of other images by cos / temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from headstart.core import ranks
from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Loss
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.shapes import ImageShape
from headstart.core.spec import ObjectiveSpec
from headstart.images.augmentation import ViewSettings
from headstart.networks.two_views import TwoViews, last_stage, projection, stage_width


@dataclass(frozen=True, kw_only=True)
class ViewsSpec(ViewSettings, ObjectiveSpec):
    """temperature: of the softmax. hidden, projection: widths of the two layers that only training uses. For the others
    see `ViewSettings`."""

    batch: ClassVar[tuple[str, ...]] = ("pixels",)
    reads: ClassVar[tuple[str, ...]] = ("document", "bidirectional")
    temperature: float = 0.1
    hidden: int = 512
    projection: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")

    def build(self, backbone: Backbone, processor: Processor) -> Views:
        """Return the objective for any network of pixels."""
        return Views(self, stage_width(backbone, processor.shape), processor.shape)


class Views(TwoViews):
    """See the file's first lines. parts: `recognised`, the share of views that find their partner first."""

    compares_samples = True
    fewest = 2  # an image alone has nothing to be told from
    needs = "it needs at least two images"

    def __init__(self, spec: ViewsSpec, width: int, shape: ImageShape) -> None:
        super().__init__(spec, shape)
        self.temperature = spec.temperature
        self.head = projection(width, spec.hidden, spec.projection)

    def forward(self, backbone: Backbone, batch: ImageBatch) -> Loss:
        """Return the summed cross-entropy over the 2B views."""
        vector_MD = F.normalize(self.head(last_stage(backbone, self.both(batch))).float(), dim=1)
        one, two = map(ranks.gathered, vector_MD.chunk(2))
        every_AD, images = torch.cat([one.every, two.every]), len(one.every)
        logits_MA = torch.cat([one.own, two.own]) @ every_AD.T / self.temperature
        # The partner of view a of the A / 2 first ones of all ranks is a + A / 2, and the other way round.
        own_B = torch.arange(len(one.own), device=logits_MA.device) + one.start
        own_M, partner_M = torch.cat([own_B, own_B + images]), torch.cat([own_B + images, own_B])
        logits_MA.scatter_(1, own_M[:, None], float("-inf"))  # no view is told from itself
        total = F.cross_entropy(logits_MA, partner_M, reduction="sum")
        recognised = (logits_MA.argmax(1) == partner_M).double().mean()
        return Loss.of(total, len(own_M), {"recognised": recognised})
