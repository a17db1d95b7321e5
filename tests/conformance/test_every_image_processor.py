"""Every processor of images: sizes, statistics, batches, files, and what it says of images it cannot use."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_images import encoded, flat, striped

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.load_processor import load_processor, save_processor
from headstart.core.shapes import ImageShape
from headstart.images.decode import UnusableImage

KINDS = registry.fitting("processor", takes="image", gives="pixels")


def images(count: int = 8, channels: int = 3) -> list[ImageRef]:
    return [ImageRef.from_bytes(encoded(striped(n, n % 2, channels=channels))) for n in range(count)]


@pytest.fixture(params=KINDS)
def made(request):
    return registry.load("processor", request.param)().train(iter(images()))


def test_the_spec_says_what_the_processor_does(made):
    spec = registry.load("processor", made.kind)
    assert (spec.takes, spec.gives) == (made.takes, made.gives) == ("image", "pixels")
    assert isinstance(made.shape, ImageShape)


def test_images_become_batches_of_one_size(made):
    encoded_images = made.encode([*images(3), ImageRef.from_bytes(flat(7, side=5))])
    shape = (made.shape.channels, made.shape.height, made.shape.width)
    assert all(pixels.dtype == np.uint8 and pixels.shape == shape for pixels in encoded_images)
    batch = made.collate(encoded_images, samples=[5, 6, 7, 8], epoch=2)
    assert batch.pixels_BCHW.shape == (4, *shape)
    assert (batch.sample_B.tolist(), batch.epoch, batch.units) == ([5, 6, 7, 8], 2, 4)
    assert made.collate([]).size == 0
    assert all(made.cost(pixels) >= 1 for pixels in encoded_images)


def test_an_image_does_not_depend_on_its_neighbours(made):
    alone = [made.encode([image])[0] for image in images()]
    fresh = registry.load("processor", made.kind)().train(iter(images()))
    assert all(np.array_equal(one, other) for one, other in zip(alone, fresh.encode(images())))


def test_statistics_standardise_the_training_images(made):
    pixels = np.stack(made.encode(images())) / 255
    mean, std = (np.array(values)[:, None, None] for values in (made.shape.mean, made.shape.std))
    standard = (pixels - mean) / std
    assert standard.mean((0, 2, 3)) == pytest.approx(0, abs=0.02)
    assert standard.std((0, 2, 3)) == pytest.approx(1, abs=0.02)


def test_it_is_saved_and_loaded(made, tmp_path):
    save_processor(made, tmp_path / "p")
    again = load_processor(tmp_path / "p")
    assert again.shape == made.shape
    assert again.identity == made.identity
    assert np.array_equal(again.encode(images(1))[0], made.encode(images(1))[0])
    (tmp_path / "p" / "headstart.json").write_text('{"kind": "pixels"}')
    with pytest.raises(HeadstartError):
        load_processor(tmp_path / "p")


def test_an_image_that_cannot_be_used_is_named(made):
    with pytest.raises(UnusableImage, match="not an image"):
        made.encode([ImageRef.from_bytes(b"text")])


def test_nothing_to_learn_from_is_one_line(made):
    with pytest.raises(HeadstartError, match="no usable image"):
        registry.load("processor", made.kind)().train(iter([ImageRef.from_bytes(b"text")]))
    with pytest.raises(HeadstartError, match="vocabulary"):
        registry.load("processor", made.kind)().train(iter(images()), 100)
