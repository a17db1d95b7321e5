"""HOG equals a slow walk over pixels, knows directions, forgets brightness; pixels are the pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tiny_images import encoded, flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.vectors import hog, pixels


def slow_cells(image: np.ndarray) -> np.ndarray:
    """Return the histograms of the cells, [K, K, 9], by walking over pixels, directions and cells."""
    side = len(image)
    cells = np.zeros((side // 4, side // 4, 9))
    for y in range(side):
        for x in range(side):
            across = image[y, min(x + 1, side - 1)] - image[y, max(x - 1, 0)]
            down = image[min(y + 1, side - 1), x] - image[max(y - 1, 0), x]
            angle = math.degrees(math.atan2(down, across)) % 180
            for direction in range(9):
                away = abs(angle - 20 * direction)
                share = max(0, 1 - min(away, 180 - away) / 20)
                for row in range(side // 4):
                    for column in range(side // 4):
                        high = max(0, 1 - abs(y + 0.5 - (4 * row + 2)) / 4)
                        wide = max(0, 1 - abs(x + 0.5 - (4 * column + 2)) / 4)
                        cells[row, column, direction] += math.hypot(across, down) * share * high * wide
    return cells


def slow_hog(image: np.ndarray) -> np.ndarray:
    cells, out = slow_cells(image), []
    for row in range(len(cells) - 1):
        for column in range(len(cells) - 1):
            block = np.concatenate([cells[row + y, column + x] for y in (0, 1) for x in (0, 1)])
            block = np.minimum(block / np.sqrt((block**2).sum() + 0.01), 0.2)
            out.append(block / np.sqrt((block**2).sum() + 0.01))
    return np.concatenate(out)


def test_hog_equals_a_walk_over_pixels():
    images = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    found = hog.histograms(images)
    assert found.shape == (3, 3 * 3 * 36)
    for image, row in zip(images, found):
        assert np.allclose(row, slow_hog(image.astype(np.float64)), atol=1e-5)


def ramp(degrees: float) -> np.ndarray:
    y, x = np.mgrid[:16, :16] / 32
    return (x * math.cos(math.radians(degrees)) + y * math.sin(math.radians(degrees)) + 1)[None].astype(np.float32)


@pytest.mark.parametrize("direction", range(9))
def test_a_slope_is_one_direction_whichever_way_it_goes(direction):
    up, down = (hog.histograms(ramp(20 * direction + half)) for half in (0, 180))
    assert np.allclose(up, down, atol=1e-5)
    middle = up.reshape(3, 3, 4, 9)[1, 1]  # of the block in the middle, away from the edges of the image
    assert (middle.argmax(axis=1) == direction).all()
    assert (np.sort(middle, axis=1)[:, -2] < 1e-5).all()


def test_contrast_counts_little():
    image = np.random.default_rng(1).random((1, 16, 16)).astype(np.float32)
    one, half = hog.histograms(image), hog.histograms(image * 0.5 + 0.3)
    assert np.abs(one - half).max() < 0.01
    assert not hog.histograms(np.full((1, 16, 16), 0.5, np.float32)).any()


def test_hog_of_files_does_not_depend_on_portions(monkeypatch):
    images = [
        ImageRef.from_bytes(encoded(np.random.default_rng(seed).integers(0, 256, (20, 30), np.uint8)))
        for seed in range(5)
    ]
    whole = hog.vectors(images, 16)
    assert whole.dtype == np.float32
    monkeypatch.setattr(hog, "_AT_ONCE", 2)
    assert np.allclose(hog.vectors(images, 16), whole, atol=1e-6)
    assert hog.vectors([], 16).shape == (0, whole.shape[1])


def test_cells_grow_with_large_images():
    assert [hog.cell_of(side) for side in (8, 28, 32, 40, 64, 96)] == [4, 4, 4, 5, 8, 12]
    assert hog.vectors([ImageRef.from_bytes(flat(9))], 64).shape == (1, 1764)


@pytest.mark.parametrize("side", [0, 4, 18, 36, 44])
def test_a_side_without_blocks_is_refused(side):
    with pytest.raises(HeadstartError, match=f"side={side}: must be a multiple of 4"):
        hog.vectors([], side)


def test_pixels():
    image = np.random.default_rng(2).integers(0, 256, (6, 6), np.uint8)
    images = [ImageRef.from_bytes(encoded(image)), ImageRef.from_bytes(flat(51))]
    rows = pixels.vectors(images, 6, grey=True)
    assert rows.dtype == np.float32
    assert np.allclose(rows[0] * 255, image.ravel(), atol=1e-4)
    assert np.allclose(rows[1], 0.2)
    assert pixels.vectors(images, 6).shape == (2, 108)
    assert pixels.vectors([], 6).shape == (0, 108)
