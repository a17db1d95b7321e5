"""Squares of images: the middle is kept, sizes and channels are as asked, an image of the size is untouched."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_images import encoded, flat

from headstart.core.examples import ImageRef
from headstart.images.decode import UnusableImage
from headstart.images.squares import shapes, squares


def ref(pixels: np.ndarray) -> ImageRef:
    return ImageRef.from_bytes(encoded(pixels))


def test_an_image_of_the_size_is_untouched():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    assert np.array_equal(squares([ref(pixels)], 8, grey=True)[0, :, :, 0], pixels)
    colour = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    assert np.array_equal(squares([ref(colour)], 8, grey=False)[0], colour)


@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_is_kept(turned):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 200
    (square,) = squares([ref(wide.T.copy() if turned else wide)], 8, grey=True)
    assert (square == 200).all()


def test_channels():
    red = np.zeros((9, 9, 3), np.uint8)
    red[..., 0] = 100
    images = [ref(red), ImageRef.from_bytes(flat(50, 9))]
    assert squares(images, 4, grey=True)[:, 0, 0, 0].tolist() == [30, 50]
    assert squares(images, 4, grey=False)[:, 0, 0].tolist() == [[100, 0, 0], [50, 50, 50]]
    assert shapes([*images, ref(np.zeros((3, 7), np.uint8))]).tolist() == [[9, 3], [9, 1], [3, 1]]
    assert shapes([]).shape == (0, 2)


def test_none_and_broken():
    assert squares([], 4, grey=True).shape == (0, 4, 4, 1)
    assert squares([], 4, grey=False).shape == (0, 4, 4, 3)
    with pytest.raises(UnusableImage):
        squares([ImageRef.from_bytes(b"no image")], 4, grey=True)
