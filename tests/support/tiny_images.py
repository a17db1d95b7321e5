"""Small images in memory, made when they are asked for."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """Return uint8 pixels [H, W] or [H, W, 3] as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def flat(level: int, side: int = 4, kind: str = "PNG") -> bytes:
    """Return an image of one grey level as the bytes of a file."""
    return encoded(np.full((side, side), level, np.uint8), kind)
