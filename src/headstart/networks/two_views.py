"""What objectives on two views of an image share: drawing them, reading the last stage, a projection.

Views are drawn small: training on small crops and reading at full size gave more images a second and better vectors;
changes of brightness and contrast decide, also on grey images (docs/decisions.md).
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import torch
from torch import Tensor, nn

from headstart.core.batch import ImageBatch, eight_bits
from headstart.core.contracts import Backbone, Objective
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import ImageShape
from headstart.images.augmentation import ViewSettings, apply_view, draw_view
from headstart.nn.pooling import pool

VIEWS = ("one", "two")


class TwoViews(Objective):
    """Draws two views of each image by `settings`; side: of a view in pixels. A subclass says what makes them alike."""

    def __init__(self, settings: ViewSettings, shape: ImageShape) -> None:
        super().__init__()
        self.settings, self.side = settings, settings.side(shape.height)

    def corrupt(
        self, batch: ImageBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> ImageBatch:
        """Return the batch with the random numbers of two views of each image."""
        drawn: dict[str, Tensor] = {}
        for view in VIEWS:
            drawn |= draw_view(self.settings, random, batch, view)
        return dataclasses.replace(batch, extra=batch.extra | drawn)

    def both(self, batch: ImageBatch) -> ImageBatch:
        """Return the first views of B images and then the second ones, 2B images in the same order."""
        views = torch.cat([apply_view(batch, view, self.side) for view in VIEWS])
        return ImageBatch(pixels_BCHW=views, sample_B=batch.sample_B.repeat(2), epoch=batch.epoch)

    def seen(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Return both views of each image; see `Objective.seen`."""
        return {view: eight_bits(apply_view(batch, view, self.side)) for view in VIEWS}


def last_stage(backbone: Backbone, batch: ImageBatch) -> Tensor:
    """Return the mean over the last feature map [B, D], or the network's vector where it has no maps."""
    features = backbone(batch)
    return features.maps[-1].mean((2, 3)) if features.maps else pool(features)


def stage_width(backbone: Backbone, shape: ImageShape) -> int:
    """Return D of `last_stage`."""
    with torch.no_grad():
        pixels = torch.zeros(2, shape.channels, shape.height, shape.width, dtype=torch.uint8)
        return last_stage(backbone, ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(2))).shape[1]


def projection(*widths: int) -> nn.Sequential:
    """Return linear layers from each width to the next, with batch norm and ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))
