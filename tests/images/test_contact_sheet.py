"""Contact sheets: pictures come back from their places, tiny ones as squares, and a sheet stays within its bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.images.contact_sheet import TILE, contact_sheet, thumbnail


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@pytest.mark.parametrize("count", [1, 8, 24])
def test_tiny_pictures_are_enlarged_pixel_by_pixel(count):
    pictures = [noise(14, 14, 1, seed) for seed in range(count)]
    sheet = contact_sheet(pictures, 10**6)
    assert len(sheet.boxes) == count
    for pixels, tile in zip(pictures, map(opened, sheet.tiles()), strict=True):
        assert np.array_equal(tile, np.kron(pixels[..., 0], np.ones((6, 6), np.uint8)))  # 6 x 14 = 84 of 96


def test_sizes_and_colours_may_differ():
    shades = [np.full((20, 40, 1), 7, np.uint8), np.full((300, 150, 3), (200, 30, 40), np.uint8)]
    grey, colour = map(opened, contact_sheet(shades, 10**6).tiles())
    assert grey.shape[:2] == (40, 80)
    assert (grey == 7).all()
    assert colour.shape == (TILE, TILE // 2, 3)
    assert (colour == (200, 30, 40)).all()


def test_a_sheet_stays_within_its_bytes():
    pictures = [noise(100, 100, 3, seed) for seed in range(16)]  # noise is the worst there is
    sheet = contact_sheet(pictures, 50_000)
    assert len(sheet.png) <= 50_000
    assert len({opened(tile).shape for tile in sheet.tiles()}) == 1
    assert max(opened(sheet.tiles()[0]).shape) >= 24
    assert sum(map(len, sheet.tiles())) < 1.5 * 50_000  # with a palette for each tile


def test_a_thumbnail_is_small():
    small = Image.open(io.BytesIO(thumbnail(noise(500, 250, 3), 48)))
    assert small.size == (24, 48)
    assert Image.open(io.BytesIO(thumbnail(noise(8, 8, 1), 48))).size == (48, 48)
