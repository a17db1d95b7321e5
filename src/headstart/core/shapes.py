"""What a network has to know of its input before it is built: tokens of a vocabulary, or pixels of an image."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headstart.core.errors import HeadstartError

LARGEST = 4_096  # pixels of a side that a network reads


@dataclass(frozen=True)
class TokenShape:
    """vocabulary: V, number of token ids; pad_id: id of the padding token, -1 = none."""

    vocabulary: int
    pad_id: int = -1


@dataclass(frozen=True)
class ImageShape:
    """Size of one image in pixels: channels C, height H, width W; mean, std: of each channel, on the scale 0 to 1.

    Without statistics a network reads the pixels as they are, from 0 to 1. Raises HeadstartError: a side that no image
    is shrunk to.
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= min(self.height, self.width) <= max(self.height, self.width) <= LARGEST:
            raise HeadstartError(f"images of {self.height} x {self.width} pixels: a side has 1 to {LARGEST:,}")

    def with_channels(self, channels: int) -> ImageShape:
        """Return it for so many channels: more repeat the statistics in turn, fewer have their means."""
        if not self.mean or not self.std:
            return replace(self, channels=channels)
        if channels >= self.channels:
            turn = [channel % self.channels for channel in range(channels)]
            mean, std = (tuple(values[channel] for channel in turn) for values in (self.mean, self.std))
        else:
            mean, std = ((sum(values) / len(values),) * channels for values in (self.mean, self.std))
        return replace(self, channels=channels, mean=mean, std=std)


Shape = TokenShape | ImageShape
