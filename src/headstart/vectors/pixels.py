"""Pixels as vectors: the middle square of each image at a small fixed size, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.examples import ImageRef
from headstart.images.squares import squares


def vectors(items: Sequence[ImageRef], side: int, *, grey: bool = False) -> np.ndarray:
    """Return float32 [N, D] from 0 to 1; D = side x side x 3, without the 3 for `grey`.

    The square is cut, not padded, see `squares`. Raises UnusableImage: an image that cannot be decoded.
    """
    found = squares(items, side, grey=grey)
    return found.reshape(len(found), side * side * found.shape[3]).astype(np.float32) / 255
