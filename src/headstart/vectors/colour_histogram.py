"""Colour histograms (Swain and Ballard, IJCV 7, 1991): how many pixels have each colour, wherever they are.

Square roots of the shares, so that Euclidean distance is Hellinger's (Arandjelovic and Zisserman, CVPR 2012).
Shapes: N images, S pixels of a side, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from headstart.vectors.image_vectoriser import ImageVectoriser

_SIDE = 64
_COLOUR_LEVELS, _GREY_LEVELS = 6, 32  # of a channel


@dataclass(frozen=True)
class ColourHistogram(ImageVectoriser):
    """Joint bins of red, green and blue, D = 6 x 6 x 6; of grey images D = 32 bins of lightness."""

    side: int
    grey: bool
    reads_colour: ClassVar[bool] = True

    @classmethod
    def usual_side(cls, shorter: int) -> int:
        """Return that of the images, at most 64."""
        return min(shorter, _SIDE)

    @classmethod
    def learn(cls, squares_NSSC: np.ndarray) -> Self:
        """Return what reads such squares; nothing is learned."""
        return cls(squares_NSSC.shape[1], squares_NSSC.shape[3] == 1)

    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D]."""
        images, side, _, channels = squares_NSSC.shape
        levels = _GREY_LEVELS if self.grey else _COLOUR_LEVELS
        level_NPC = squares_NSSC.reshape(images, side * side, channels).astype(np.int64) * levels // 256
        # The levels of the channels are the digits of the number of a bin; each image has a row of bins of its own.
        bin_NP = level_NPC @ levels ** np.arange(channels)
        bins = levels**channels
        count = np.bincount((bin_NP + bins * np.arange(images)[:, None]).ravel(), minlength=bins * images)
        return np.sqrt(count.reshape(images, bins) / bin_NP.shape[1]).astype(np.float32)
