"""Test-time augmentation: the versions of an image whose answers are averaged (Krizhevsky et al. 2012, section 4.1)."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np

Views = Literal["one", "flip", "shifts", "both"]
_SHIFT = 1 / 14  # of a side


def versions(pixels_CHW: np.ndarray, how: Views) -> list[np.ndarray]:
    """Return the versions, the image itself first.

    `one`: the image alone; `flip`: also mirrored left to right; `shifts`: also moved towards each corner by a
    fourteenth of its sides, the border repeated; `both`: all of these, mirrored too.
    """
    found = [pixels_CHW]
    if how in ("shifts", "both"):
        height, width = pixels_CHW.shape[1:]
        down, across = max(1, round(_SHIFT * height)), max(1, round(_SHIFT * width))
        wide = np.pad(pixels_CHW, ((0, 0), (down, down), (across, across)), mode="edge")
        corners = itertools.product((0, 2 * down), (0, 2 * across))
        found += [np.ascontiguousarray(wide[:, y : y + height, x : x + width]) for y, x in corners]
    if how in ("flip", "both"):
        found += [np.ascontiguousarray(one[:, :, ::-1]) for one in found]
    return found
