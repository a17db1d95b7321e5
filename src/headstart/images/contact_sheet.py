"""A contact sheet: many small pictures side by side in one PNG.

Shapes: N pictures, H, W pixels, C channels.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_CELL = 56  # pixels that a picture takes at least: a smaller one is shown in whole multiples of its size
_GAP = 4


def contact_sheet(pictures_NHWC: np.ndarray, columns: int) -> bytes:
    """Return uint8 pictures [N, H, W, 1 or 3] row by row as the bytes of a PNG; small ones are enlarged, not smoothed.

    columns: pictures in a row.
    """
    count, height, width, channels = pictures_NHWC.shape
    times = max(1, -(-_CELL // max(height, width)))
    columns = max(1, min(columns, count))
    rows, tall, wide = -(-count // columns), height * times + _GAP, width * times + _GAP
    sheet = np.full((rows * tall + _GAP, columns * wide + _GAP, channels), 255, np.uint8)
    for number, picture in enumerate(pictures_NHWC):
        top, left = (number // columns) * tall + _GAP, (number % columns) * wide + _GAP
        large = picture.repeat(times, axis=0).repeat(times, axis=1)
        sheet[top : top + height * times, left : left + width * times] = large
    stream = io.BytesIO()
    Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet).save(stream, "PNG")
    return stream.getvalue()
