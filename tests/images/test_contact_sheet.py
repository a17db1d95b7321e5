"""A contact sheet holds every picture whole, in order, with white between them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.images.contact_sheet import contact_sheet


@pytest.mark.parametrize(("channels", "side", "times"), [(1, 14, 4), (3, 20, 3), (3, 90, 1)])
def test_pictures_lie_row_by_row(channels, side, times):
    pictures = np.random.default_rng(0).integers(0, 255, (5, side, side, channels), np.uint8)
    sheet = np.atleast_3d(np.asarray(Image.open(io.BytesIO(contact_sheet(pictures, 3)))))
    step = side * times + 4
    assert sheet.shape == (2 * step + 4, 3 * step + 4, channels)
    assert (sheet[:4] == 255).all()
    assert (sheet[step + 4 :, 2 * step + 4 :] == 255).all()  # the sixth place
    for number, picture in enumerate(pictures):
        top, left = (number // 3) * step + 4, (number % 3) * step + 4
        shown = sheet[top : top + side * times, left : left + side * times]
        assert all(np.array_equal(shown[i::times, j::times], picture) for i in range(times) for j in range(times))
