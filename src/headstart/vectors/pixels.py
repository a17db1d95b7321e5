"""Pixels as vectors: the middle square of each image at a small fixed size, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from headstart.vectors.image_vectoriser import ImageVectoriser

_SIDE = 16


@dataclass(frozen=True)
class PixelVectors(ImageVectoriser):
    """From 0 to 1; D = S x S x 3, without the 3 for grey images. The square is cut, not padded, see `squares`."""

    side: int
    grey: bool
    reads_colour: ClassVar[bool] = True

    @classmethod
    def usual_side(cls, shorter: int) -> int:
        """Return 16, whatever the size."""
        return _SIDE

    @classmethod
    def learn(cls, squares_NSSC: np.ndarray) -> Self:
        """Return what reads such squares; nothing is learned."""
        return cls(squares_NSSC.shape[1], squares_NSSC.shape[3] == 1)

    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D]."""
        side, channels = squares_NSSC.shape[2:]
        return squares_NSSC.reshape(len(squares_NSSC), side * side * channels).astype(np.float32) / 255
