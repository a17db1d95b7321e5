"""Every processor of images: sizes, batches, files, what it says of images it cannot use; of pixels, statistics."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_images import encoded, flat, striped

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.load_processor import load_processor, save_processor
from headstart.core.shapes import ImageShape, TokenShape
from headstart.images.decode import UnusableImage

KINDS = registry.fitting("processor", takes="image")
PIXELS = registry.fitting("processor", takes="image", gives="pixels")
TOKENS = registry.fitting("processor", takes="image", gives="tokens")


def images(count: int = 8, channels: int = 3) -> list[ImageRef]:
    return [ImageRef.from_bytes(encoded(striped(n, n % 2, channels=channels))) for n in range(count)]


def train(kind: str, count: int = 8):
    return registry.load("processor", kind)().train(iter(images(count)))


@pytest.fixture(params=KINDS, scope="module")
def made(request):
    return train(request.param)


def test_the_spec_says_what_the_processor_does(made):
    spec = registry.load("processor", made.kind)
    assert (spec.takes, spec.gives) == (made.takes, made.gives)
    assert made.takes == "image"
    assert isinstance(made.shape, {"pixels": ImageShape, "tokens": TokenShape}[made.gives])
    assert made.size


@pytest.mark.parametrize("kind", TOKENS)
def test_images_become_ids_and_ids_pictures(kind):
    made = train(kind)
    found = made.encode([*images(3), ImageRef.from_bytes(flat(7, side=5))])
    assert all(ids.dtype == np.int64 and ids.shape == (made.length,) for ids in found)
    assert not {*np.concatenate(found).tolist()} & made.special_ids
    assert 0 <= np.min(found) <= np.max(found) < made.shape.vocabulary
    shown = made.pictures(np.stack(found))
    assert (shown.dtype, len(shown), shown.shape[3]) == (np.uint8, 4, 3)
    pieces = [made.windows(ids, made.length)[0] for ids in found]
    batch = made.collate(pieces, samples=[5, 6, 7, 8], epoch=2)
    begun = int(made.cls_id >= 0)
    assert (batch.sample_B.tolist(), batch.epoch) == ([5, 6, 7, 8], 2)
    assert batch.lengths_B.tolist() == [made.length + begun] * 4
    assert all(np.array_equal(piece[begun:], ids) for piece, ids in zip(pieces, found))
    assert all(made.cost(piece) == len(piece) for piece in pieces)
    with pytest.raises(HeadstartError, match=f"{made.length} tokens"):
        made.windows(found[0], made.length - 1)
    for wrong in (np.stack(found)[:, 1:], np.full((1, made.length), made.shape.vocabulary), found[0]):
        with pytest.raises(HeadstartError, match="expected rows of"):
            made.pictures(wrong)


@pytest.mark.parametrize("kind", PIXELS)
def test_images_become_batches_of_one_size(kind):
    made = train(kind)
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
    fresh = train(made.kind)
    assert fresh.identity == made.identity
    assert all(np.array_equal(one, other) for one, other in zip(alone, fresh.encode(images())))


@pytest.mark.parametrize("kind", PIXELS)
def test_statistics_standardise_the_training_images(kind):
    made = train(kind)
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
    (tmp_path / "plain").mkdir()
    made.save(tmp_path / "plain")
    for path in sorted((tmp_path / "plain").iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(HeadstartError) as caught:
            load_processor(tmp_path / "plain")
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
    (tmp_path / "plain" / "headstart.json").write_text(f'{{"kind": "{made.kind}"}}')
    with pytest.raises(HeadstartError):
        load_processor(tmp_path / "plain")


def test_an_image_that_cannot_be_used_is_named(made):
    with pytest.raises(UnusableImage, match="not an image"):
        made.encode([ImageRef.from_bytes(b"text")])


def test_nothing_to_learn_from_is_one_line(made):
    with pytest.raises(HeadstartError, match="no usable image"):
        registry.load("processor", made.kind)().train(iter([ImageRef.from_bytes(b"text")]))
    with pytest.raises(HeadstartError, match="vocabulary"):
        registry.load("processor", made.kind)().train(iter(images()), 1)
