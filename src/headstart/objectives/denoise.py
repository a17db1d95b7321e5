"""Take the noise off an image: the network sees a noisy view and a small decoder draws the clean one.

Denoising autoencoder (Vincent et al. 2010, JMLR 11) on crops. Its vectors need far longer to become good than those of
`views` (docs/decisions.md); it is there to be compared.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

from headstart.core.batch import ImageBatch, eight_bits
from headstart.core.contracts import Backbone, Features, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import ImageShape
from headstart.core.spec import ObjectiveSpec
from headstart.images.augmentation import ViewSettings, apply_view, draw_view
from headstart.nn.pooling import pool
from headstart.nn.standardise import Standardise

_VIEW, _NOISE = "view", "noise_BCSS"


@dataclass(frozen=True, kw_only=True)
class DenoiseSpec(ViewSettings, ObjectiveSpec):
    """noise: standard deviation of what is added to each pixel, of 1 for the way from black to white. hidden: width of
    the decoder, which only training uses. For the others see `ViewSettings`: the view is what is to be drawn."""

    batch: ClassVar[tuple[str, ...]] = ("pixels",)
    reads: ClassVar[tuple[str, ...]] = ("document", "bidirectional")
    noise: float = 0.3
    hidden: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.noise > 0:
            raise HeadstartError(f"{self.label()}.noise={self.noise}: must be larger than 0")

    def build(self, backbone: Backbone, processor: Processor) -> Denoise:
        """Return the objective for any network of pixels."""
        shape, side = processor.shape, self.side(processor.shape.height)
        with torch.no_grad():
            blank = torch.zeros(2, shape.channels, side, side, dtype=torch.uint8)
            found = _as_map(backbone(ImageBatch(pixels_BCHW=blank, sample_B=torch.arange(2))))
        return Denoise(self, shape, side, found.shape[1], found.shape[2])


class Denoise(Objective):
    """Mean squared error of the pixels, each channel in its standard deviations: 1 for who draws the mean."""

    def __init__(self, spec: DenoiseSpec, shape: ImageShape, side: int, width: int, places: int) -> None:
        """width, places: D and h of the network's last feature map [B, D, h, w] of a view."""
        super().__init__()
        self.spec, self.side = spec, side
        patch = -(-side // places)  # pixels that a place of the map draws along each side
        self.decoder = nn.Sequential(
            nn.Conv2d(width, spec.hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(spec.hidden, shape.channels * patch**2, 1),
            nn.PixelShuffle(patch),
        )
        self.standardise = Standardise(shape)

    def corrupt(
        self, batch: ImageBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> ImageBatch:
        """Return the batch with the random numbers of a view and its noise, float32 [B, C, S, S]."""
        shape = (batch.pixels_BCHW.shape[1], self.side, self.side)
        place = np.arange(np.prod(shape))[None, :]
        drawn = ndtri(random.uniform("noise", batch.sample_B.numpy()[:, None], place)) * self.spec.noise
        noise = {_NOISE: torch.from_numpy(drawn.astype(np.float32)).reshape(batch.size, *shape)}
        return dataclasses.replace(batch, extra=batch.extra | draw_view(self.spec, random, batch, _VIEW) | noise)

    def forward(self, backbone: Backbone, batch: ImageBatch) -> Loss:
        """Return the squared errors, averaged over the pixels of an image and summed over the images."""
        clean, noisy = self._pictures(batch)
        found = _as_map(backbone(dataclasses.replace(batch, pixels_BCHW=noisy, extra={})))
        drawn = self.decoder(found)[:, :, : self.side, : self.side].float()
        wanted = self.standardise(dataclasses.replace(batch, pixels_BCHW=clean, extra={}))
        return Loss.of((drawn - wanted).square().mean((1, 2, 3)).sum(), batch.size)

    def seen(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Return the view without and with noise; see `Objective.seen`."""
        return dict(zip(("clean", "noisy"), map(eight_bits, self._pictures(batch))))

    def _pictures(self, batch: ImageBatch) -> tuple[Tensor, Tensor]:
        clean = apply_view(batch, _VIEW, self.side)
        return clean, (clean + batch.extra[_NOISE]).clamp(0, 1)


def _as_map(features: Features) -> Tensor:
    """Return the last feature map [B, D, h, w]: tokens in their places, or the network's vector as a map of one."""
    if features.maps:
        return features.maps[-1]
    if features.grid is None:
        return pool(features)[:, :, None, None]
    rows, columns = features.grid
    # The last h * w tokens lie on the grid, special ones before them: [B, T, D] to [B, D, h, w].
    return features.last_BTD[:, -rows * columns :].mT.unflatten(2, (rows, columns))
