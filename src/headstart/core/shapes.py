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
    """Size of one image in pixels: channels C, height H, width W."""

    channels: int
    height: int
    width: int


Shape = TokenShape | ImageShape
