"""Recognise the other view: two random views of an image must find each other among those of the batch (SimCLR).

InfoNCE in both directions (van den Oord et al. 2018, arXiv:1807.03748; Chen et al. 2020, arXiv:2002.05709): each view
is told from the 2B - 2 views of other images by cos / temperature. Views are drawn small (training on small crops and
reading at full size gave more images a second and better vectors); brightness and contrast decide, also on grey images.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch, eight_bits
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.images.augmentation import ViewSettings, apply_view, draw_view

_VIEWS = ("one", "two")


@dataclass(frozen=True, kw_only=True)
class ViewsSpec(ObjectiveSpec):
    """temperature: of the softmax. projection, hidden: widths of the two layers that only training uses. size: of a
    view in pixels, None = half of the image, at least 16. flip: share of mirrored views; `pretrain` draws none
    where left and right are seen to differ (digits, letters). area, jitter, brightness, contrast, saturation, gain,
    grey: see `ViewSettings`.
    """

    batch: ClassVar[tuple[str, ...]] = ("pixels",)
    reads: ClassVar[tuple[str, ...]] = ("document", "bidirectional")
    temperature: float = 0.1
    hidden: int = 512
    projection: int = 128
    size: int | None = None
    flip: float = 0.5
    area: float = 0.25
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    gain: float = 0.1
    grey: float = 0.2

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")
        self.views(16)  # its checks

    def views(self, side: int) -> ViewSettings:
        """Return how views of images of that side are drawn."""
        names = {field.name for field in dataclasses.fields(ViewSettings)} - {"size", "aspect"}
        own = {name: getattr(self, name) for name in names}
        return ViewSettings(size=self.size or min(side, max(16, side // 2)), **own)

    def build(self, backbone: Backbone, processor: Processor) -> Views:
        """Return the objective for any network of pixels."""
        shape = processor.shape
        with torch.no_grad():  # the width of the last stage, or of the vector where there are no stages
            pixels = torch.zeros(2, shape.channels, shape.height, shape.width, dtype=torch.uint8)
            width = _last(backbone, ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(2))).shape[1]
        return Views(self, width, self.views(shape.height))


class Views(Objective):
    """See the file's first lines. parts: `recognised`, the share of views that find their partner first."""

    alone, fewest = False, 2  # an image alone has nothing to be told from
    needs = "it needs at least two images"

    def __init__(self, spec: ViewsSpec, width: int, settings: ViewSettings) -> None:
        super().__init__()
        self.settings, self.temperature = settings, spec.temperature
        self.head = nn.Sequential(
            nn.Linear(width, spec.hidden, bias=False),
            nn.BatchNorm1d(spec.hidden),
            nn.ReLU(),
            nn.Linear(spec.hidden, spec.projection),
        )

    def corrupt(
        self, batch: ImageBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> ImageBatch:
        """Return the batch with the random numbers of two views of each image."""
        drawn: dict[str, Tensor] = {}
        for view in _VIEWS:
            drawn |= draw_view(self.settings, random, batch, view)
        return dataclasses.replace(batch, extra=batch.extra | drawn)

    def forward(self, backbone: Backbone, batch: ImageBatch) -> Loss:
        """Return the summed cross-entropy over the 2B views."""
        views = torch.cat([apply_view(self.settings, batch, view) for view in _VIEWS])
        both = ImageBatch(pixels_BCHW=views, sample_B=batch.sample_B.repeat(2), epoch=batch.epoch)
        vector_MD = F.normalize(self.head(_last(backbone, both)).float(), dim=1)
        logits_MM = vector_MD @ vector_MD.T / self.temperature
        logits_MM.fill_diagonal_(float("-inf"))  # no view is told from itself
        # The partner of view m of the first B is m + B, and the other way round.
        partner_M = torch.arange(2 * batch.size, device=logits_MM.device).roll(batch.size)
        total = F.cross_entropy(logits_MM, partner_M, reduction="sum")
        recognised = (logits_MM.argmax(1) == partner_M).double().mean()
        return Loss.of(total, 2 * batch.size, {"recognised": recognised})

    def seen(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Return both views of each image; see `Objective.seen`."""
        return {view: eight_bits(apply_view(self.settings, batch, view)) for view in _VIEWS}


def _last(backbone: Backbone, batch: ImageBatch) -> Tensor:
    """Return the mean over the last stage [B, D], or the network's vector where it has no stages."""
    features = backbone(batch)
    return features.maps[-1].mean((2, 3)) if features.maps else features.pooled_BD
