"""What a network has to know of its input before it is built: tokens of a vocabulary, or pixels of an image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenShape:
    """vocabulary: V, number of token ids; pad_id: id of the padding token, -1 = none."""

    vocabulary: int
    pad_id: int = -1


@dataclass(frozen=True)
class ImageShape:
    """Size of one image in pixels: channels C, height H, width W; mean, std: of each channel, on the scale 0 to 1.

    Without statistics a network reads the pixels as they are, from 0 to 1.
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


Shape = TokenShape | ImageShape
