"""Images as small squares of one size: what vectors without a network and audits read, decoded side by side in threads.

Shapes: N images, S pixels of a side, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from headstart.core.device import in_threads
from headstart.core.examples import ImageRef
from headstart.images.decode import decode


def squares(items: Sequence[ImageRef], side: int, *, grey: bool) -> np.ndarray:
    """Return the middle square of each image, uint8 [N, S, S, C], C = 1 for `grey`, else 3.

    The shorter side is brought to `side` pixels, the longer one is cut at both ends. Nothing is stretched, and no
    border is laid around the image: a border would be an edge that the image does not have. Resized with an
    antialiasing filter; an image of that size is left as it is. Raises UnusableImage, see `decode`.
    """

    def one(item: ImageRef) -> np.ndarray:
        return _square(decode(item, side).pixels, side, grey)

    found = in_threads(one, items)
    return np.stack(found) if found else np.zeros((0, side, side, 1 if grey else 3), np.uint8)


def shapes(items: Sequence[ImageRef]) -> np.ndarray:
    """Return the shorter side and the number of channels of each image, int64 [N, 2]. Raises UnusableImage."""

    def one(item: ImageRef) -> tuple[int, int]:
        height, width, channels = decode(item).pixels.shape
        return min(height, width), channels

    return np.array(in_threads(one, items), np.int64).reshape(len(items), 2)


def picture(pixels: np.ndarray, grey: bool) -> Image.Image:
    """Return uint8 pixels [H, W, 1 or 3] as an image of Pillow, grey by ITU-R BT.601 or RGB."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return image.convert("L" if grey else "RGB")


def _square(pixels: np.ndarray, side: int, grey: bool) -> np.ndarray:
    """Return uint8 [S, S, C] of the middle of uint8 [H, W, 1 or 3]."""
    image = picture(pixels, grey)
    width, height = image.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    if image.size != (side, side):
        # `box` may lie between pixels: the middle is cut to a fraction of a pixel and resized in one step.
        image = image.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + short, top + short))
    return np.atleast_3d(np.asarray(image))
