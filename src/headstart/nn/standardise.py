"""The first step of every network of pixels: uint8 to float, minus the mean, by the spread of each channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.core.batch import ImageBatch
from headstart.core.shapes import ImageShape


class Standardise(nn.Module):
    """(pixels from 0 to 1 - mean) / std, channel by channel; the statistics are saved with the weights."""

    def __init__(self, shape: ImageShape) -> None:
        super().__init__()
        self.register_buffer("mean_C11", torch.tensor(shape.mean or (0.0,) * shape.channels)[:, None, None])
        self.register_buffer("std_C11", torch.tensor(shape.std or (1.0,) * shape.channels)[:, None, None])

    def forward(self, batch: ImageBatch) -> Tensor:
        """Return float32 [B, C, H, W], with channels last in memory."""
        pixels = batch.pixels_BCHW
        image = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
        image = (image - self.mean_C11) / self.std_C11
        if image.shape[1] > 1:
            return image.contiguous(memory_format=torch.channels_last)
        # One channel lies in memory in the same way first and last. Only the stride says which it is, and what it says
        # holds for all convolutions that follow.
        height, width = image.shape[2:]
        return image.contiguous().as_strided(image.shape, (height * width, 1, width, 1))
