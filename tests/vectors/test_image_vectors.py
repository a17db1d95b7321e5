"""Vectors of images equal slow walks over pixels, patches and places, and what they should not see they do not."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from tiny_images import encoded, flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.vectors import hog, image_vectoriser, kmeans_patches, scattering
from headstart.vectors.colour_histogram import ColourHistogram
from headstart.vectors.hog import HogVectors
from headstart.vectors.kmeans_patches import PatchVectors
from headstart.vectors.pca import PcaVectors
from headstart.vectors.pixels import PixelVectors
from headstart.vectors.scattering import ScatteringVectors


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
    whole = HogVectors(16).embed(images)
    assert whole.dtype == np.float32
    monkeypatch.setattr(image_vectoriser, "_AT_ONCE", 2)
    assert np.allclose(HogVectors(16).embed(images), whole, atol=1e-6)
    assert HogVectors(16).embed([]).shape == (0, whole.shape[1])


def test_cells_grow_with_large_images():
    assert [hog.cell_of(side) for side in (8, 28, 32, 40, 64, 96)] == [4, 4, 4, 5, 8, 12]
    assert HogVectors(64).embed([ImageRef.from_bytes(flat(9))]).shape == (1, 1764)


@pytest.mark.parametrize("side", [0, 4, 18, 36, 44])
def test_a_side_without_blocks_is_refused(side):
    with pytest.raises(HeadstartError, match=f"side={side}: must be a multiple of 4"):
        HogVectors.learn(np.zeros((1, side, side, 1), np.uint8))


def test_pixels():
    image = np.random.default_rng(2).integers(0, 256, (6, 6), np.uint8)
    images = [ImageRef.from_bytes(encoded(image)), ImageRef.from_bytes(flat(51))]
    rows = PixelVectors(6, grey=True).embed(images)
    assert rows.dtype == np.float32
    assert np.allclose(rows[0] * 255, image.ravel(), atol=1e-4)
    assert np.allclose(rows[1], 0.2)
    assert PixelVectors(6, grey=False).embed(images).shape == (2, 108)
    assert PixelVectors(6, grey=False).embed([]).shape == (0, 108)


KINDS = [HogVectors, PixelVectors, PcaVectors, PatchVectors, ScatteringVectors, ColourHistogram]


def squares_of(count: int, channels: int = 1, seed: int = 3, side: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_that_of_its_image_and_is_the_same_after_saving(kind):
    pool, new = squares_of(20, channels=3 if kind.reads_colour else 1), squares_of(7, 3 if kind.reads_colour else 1, 4)
    made = kind.learn(pool)
    rows = made.rows(new)
    assert rows.dtype == np.float32
    assert np.allclose(made.rows(new[2:3])[0], rows[2], atol=1e-4)
    assert made.rows(new[:0]).shape == (0, rows.shape[1])
    again = kind.from_parts(*made.parts())
    assert np.array_equal(again.rows(new), rows)
    assert (again.identity, again.grey) == (made.identity, not kind.reads_colour)
    assert json.loads(json.dumps(made.parts()[0])) == made.parts()[0]
    assert kind.learn(pool).identity == made.identity  # randomness is a function of keys
    assert all(kind.usual_side(side) > 0 for side in (9, 28, 500))


@pytest.mark.parametrize("shorter", [1, 3, 8, 11, 28])
@pytest.mark.parametrize("kind", KINDS)
def test_small_images_have_vectors_by_default(kind, shorter):
    """Digits of 8 x 8 pixels are images too."""
    pool = squares_of(20, 3 if kind.reads_colour else 1, side=kind.usual_side(shorter))
    rows = kind.learn(pool).rows(pool)
    assert np.isfinite(rows).all()
    assert rows.std(axis=0).max() > 0


def test_colour_histograms_count():
    half = np.zeros((1, 16, 16, 3), np.uint8)
    half[0, :8] = (255, 0, 100)
    row = ColourHistogram.learn(half).rows(half)[0]
    assert np.flatnonzero(row).tolist() == [0, 5 + 2 * 36]
    assert np.allclose(row[row > 0] ** 2, 0.5)
    grey = np.full((1, 16, 16, 1), 255, np.uint8)
    assert ColourHistogram.learn(grey).rows(grey)[0].argmax() == 31


def test_components_are_those_of_the_covariance():
    pool = squares_of(40)
    made = PcaVectors.learn(pool, components=5)
    pixels = pool.reshape(40, -1) / 255
    strength, basis = np.linalg.eigh(np.cov(pixels, rowvar=False))
    cosine = np.abs((made.components_DP * basis[:, ::-1].T[:5]).sum(axis=1))
    assert np.allclose(cosine, 1, atol=1e-3)
    assert np.allclose(made.rows(pool).var(axis=0, ddof=1), strength[::-1][:5], rtol=1e-3)


def test_patches_equal_a_walk_over_patches():
    """Whitened patches, squared distances to the centres, the triangle, means over cells: one after the other."""
    pool, new = squares_of(30, channels=3), squares_of(2, channels=3, seed=8)
    made = PatchVectors.learn(pool, centres=9, patch=5, stride=3, cells=2)
    sample = kmeans_patches._sample(pool, 5)
    mean, turn = kmeans_patches._whitening(sample)
    centres = kmeans_patches._centres((sample - mean) @ turn, 9)
    assert len(centres) == 9
    places = range(0, 12, 3)
    for image, row in zip(new, made.rows(new)):
        near = np.zeros((4, 4, 9))
        for down, y in enumerate(places):
            for right, x in enumerate(places):
                patch = image[y : y + 5, x : x + 5].transpose(2, 0, 1).ravel() / 255
                patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10 / 255**2)
                distance = (((patch - mean) @ turn - centres) ** 2).sum(axis=1)
                near[down, right] = np.maximum(distance.mean() - distance, 0)
        cells = [near[y, x].mean((0, 1)) for y in (slice(2), slice(2, 4)) for x in (slice(2), slice(2, 4))]
        assert np.allclose(row.reshape(9, 4), np.stack(cells, axis=1), atol=1e-3)


def test_whitened_patches_are_white():
    smooth = np.repeat(np.repeat(squares_of(60)[:, ::4, ::4], 4, axis=1), 4, axis=2)
    sample = kmeans_patches._sample(smooth, 6)
    mean, turn = kmeans_patches._whitening(sample)
    plain, white = (np.linalg.eigvalsh(np.cov(rows.T)) for rows in (sample, (sample - mean) @ turn))
    assert plain[-1] > 5
    assert white[-1] < 1  # the strong directions are brought down, the weak ones stay weak
    assert white[-1] > 0.9


def test_a_patch_that_is_too_large_is_refused():
    with pytest.raises(HeadstartError, match="patch=9: images of 16 pixels have patches of 2 to 8"):
        PatchVectors.learn(squares_of(3), patch=9)
    with pytest.raises(HeadstartError, match="cells=5: there are 4 patches in a row"):
        PatchVectors.learn(squares_of(3), patch=4, stride=4, cells=5)


def slow_wavelet(image: np.ndarray, wave: np.ndarray, step: int) -> np.ndarray:
    """Return |x * wave| at every `step`-th place, place by place, of a mirrored image."""
    reach = len(wave) // 2
    mirrored = np.pad(image, reach, mode="reflect")
    places = range(0, len(image), step)
    return np.array(
        [[abs((mirrored[y : y + len(wave), x : x + len(wave)] * wave).sum()) for x in places] for y in places]
    )


def test_scattering_equals_a_walk_over_places():
    image = np.random.default_rng(5).random((16, 16)).astype(np.float32)
    found = scattering.scatter(torch.from_numpy(image)[None, None])[0].numpy()
    assert found.shape == (81, 4, 4)
    waves = [
        [scattering.morlets(scale)[d, 0] + 1j * scattering.morlets(scale)[d + 8, 0] for d in range(8)]
        for scale in (0, 1)
    ]
    low = {step: np.outer(scattering._gauss(step), scattering._gauss(step)) for step in (2, 4)}
    assert np.allclose(found[0], slow_wavelet(image, low[4], 4), atol=1e-5)
    for first in (0, 3):
        fine, coarse = slow_wavelet(image, waves[0][first].numpy(), 1), slow_wavelet(image, waves[1][first].numpy(), 2)
        assert np.allclose(found[1 + first], slow_wavelet(fine, low[4], 4), atol=1e-5)
        assert np.allclose(found[9 + first], slow_wavelet(coarse, low[2], 2), atol=1e-5)
        for second in (0, 5):
            twice = slow_wavelet(fine, waves[1][second].numpy(), 2)
            assert np.allclose(found[17 + 8 * first + second], slow_wavelet(twice, low[2], 2), atol=1e-5)


def test_wavelets_ask_for_their_direction_and_not_for_the_level():
    flat_image = np.full((1, 16, 16, 1), 200, np.uint8)
    level = ScatteringVectors.learn(flat_image).rows(flat_image)[0].reshape(81, 16)
    assert np.allclose(level[0], 200 / 255, atol=1e-5)
    assert np.abs(level[1:]).max() < 1e-4
    wave = 0.5 + 0.5 * np.cos(np.arange(16) * 3 * np.pi / 4)
    for image, direction in ((np.tile(wave, (16, 1)), 0), (np.tile(wave, (16, 1)).T, 4)):
        first_order = scattering.scatter(torch.from_numpy(image.astype(np.float32))[None, None])[0, 1:9].mean((1, 2))
        assert int(first_order.argmax()) == direction


@pytest.mark.parametrize("side", [12, 18])
def test_a_side_that_is_not_of_whole_steps_is_refused(side):
    with pytest.raises(HeadstartError, match=f"side={side}: must be a multiple of 4 from 16"):
        ScatteringVectors.learn(np.zeros((1, side, side, 1), np.uint8))
