"""Palette: few colours come back exactly, many become the nearest ones, the same palette is learned every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_images import encoded, flat, striped

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef
from headstart.data.encode_examples import encode_examples
from headstart.images.decode import UnusableImage
from headstart.processors.palette import Palette, PaletteProcessor


def refs(pixels) -> list[ImageRef]:
    return [ImageRef.from_bytes(encoded(one)) for one in pixels]


def noisy(count: int, channels: int, side: int = 16) -> list[np.ndarray]:
    return [striped(number, number % 2, side, channels) for number in range(count)]


@pytest.mark.parametrize("channels", [1, 3])
def test_few_colours_come_back_exactly(channels):
    """The palette is what the images hold, the raster runs row by row."""
    random = np.random.default_rng(0)
    colours_KC = np.unique(random.integers(0, 256, (9, channels), np.uint8), axis=0)
    images_NHWC = colours_KC[random.integers(0, len(colours_KC), (5, 8, 8))]
    plain = refs(images_NHWC[..., 0] if channels == 1 else images_NHWC)
    processor = Palette().train(iter(plain))
    assert np.array_equal(processor.palette_KC, colours_KC)
    assert (processor.vocabulary, processor.cls_id, processor.length) == (len(colours_KC) + 1, len(colours_KC), 64)
    ids_NT = np.stack(processor.encode(plain))
    assert np.array_equal(processor.pictures(ids_NT), images_NHWC)
    assert np.array_equal(colours_KC[ids_NT[0, :8]], images_NHWC[0, 0])
    written = processor.decode(processor.windows(ids_NT[0], None)[0]).split()
    assert written[1] == "#" + "".join(f"{level:02x}" for level in np.resize(images_NHWC[0, 0, 1], 3))
    assert len(written) == 64
    for outside in (processor.vocabulary, -1):
        with pytest.raises(HeadstartError, match="no token"):
            processor.token(outside)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_takes_the_nearest_colour(channels):
    images = noisy(6, channels)
    processor = Palette(side=16, colours=7).train(iter(refs(images)))
    pixels_NPC = np.stack(images).reshape(6, 256, channels).astype(int)
    distance_NPK = ((pixels_NPC[:, :, None] - processor.palette_KC.astype(int)) ** 2).sum(-1)
    assert len(processor.palette_KC) == 7
    assert np.array_equal(np.stack(processor.encode(refs(images))), distance_NPK.argmin(-1))


def test_more_colours_lose_less():
    images = noisy(12, 3)

    def lost(colours: int) -> float:
        processor = Palette(side=16, colours=colours).train(iter(refs(images)))
        shown = processor.pictures(np.stack(processor.encode(refs(images))))
        return np.abs(shown.astype(int) - np.stack(images)).mean()

    assert lost(64) < 0.7 * lost(8)
    assert lost(8) < 0.7 * lost(2)


def test_usual_sizes_follow_the_images():
    grey, colour = (Palette().train(iter(refs(noisy(20, channels, 28)))) for channels in (1, 3))
    assert (grey.side, grey.palette_KC.shape) == (14, (16, 1))
    assert (colour.side, colour.palette_KC.shape) == (14, (512, 3))
    assert Palette().train(iter(refs(noisy(4, 1, 8)))).side == 8
    assert Palette(channels=1).train(iter(refs(noisy(4, 3)))).palette_KC.shape == (16, 1)
    assert Palette().train(iter([ImageRef.from_bytes(flat(7))])).palette_KC.tolist() == [[7]]


def test_the_palette_is_a_function_of_the_images_not_of_threads():
    before = torch.get_num_threads()
    found = set()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            processor = Palette(colours=40).train(iter(refs(noisy(20, 3))))
            found.add((processor.identity, np.stack(processor.encode(refs(noisy(9, 3)))).tobytes()))
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1
    assert Palette(colours=39).train(iter(refs(noisy(20, 3)))).identity not in {identity for identity, _ in found}


def test_saved_and_loaded_it_is_the_same(tmp_path):
    processor = Palette(side=10).train(iter(refs(noisy(8, 3))))
    processor.save(tmp_path)
    again = Palette().load(tmp_path)
    assert (again.identity, again.shape, again.size) == (processor.identity, processor.shape, processor.size)
    assert all(map(np.array_equal, again.encode(refs(noisy(3, 3))), processor.encode(refs(noisy(3, 3)))))
    for wrong in (np.zeros((4, 2), np.uint8), np.zeros((4, 3), np.int64)):
        PaletteProcessor(wrong, 10).save(tmp_path)
        with pytest.raises(HeadstartError, match="damaged palette"):
            Palette().load(tmp_path)


def test_images_that_cannot_be_used_are_passed_over_or_named():
    broken = ImageRef.from_bytes(encoded(noisy(1, 1)[0])[:60])
    processor = Palette().train(iter([broken, *refs(noisy(4, 1))]))
    assert processor.identity == Palette().train(iter(refs(noisy(4, 1)))).identity
    assert not processor.usable(broken)
    with pytest.raises(UnusableImage, match="damaged image"):
        processor.encode([broken])


def test_a_vocabulary_is_the_colours_and_the_begin_mark():
    assert Palette().train(iter(refs(noisy(8, 1))), 9).vocabulary == 9
    with pytest.raises(HeadstartError, match="vocabulary=9"):
        Palette(colours=9).train(iter(refs(noisy(8, 1))), 9)
    for settings in ({"side": 3}, {"colours": 1}):
        with pytest.raises(HeadstartError, match=f"{next(iter(settings))}={next(iter(settings.values()))}"):
            Palette(**settings)


def test_tasks_read_what_pre_training_read():
    """Whole images behind the begin mark; two at a time would be cut to fit, and are refused."""
    images = refs(noisy(3, 1))
    processor = Palette().train(iter(images))
    pieces = encode_examples(processor, Examples(images), longest=processor.length + 1)
    wanted = [processor.windows(ids, processor.length)[0] for ids in processor.encode(images)]
    assert all(map(np.array_equal, pieces.inputs, wanted))
    assert (pieces.cut, pieces.inputs[0][0]) == (0, processor.cls_id)
    with pytest.raises(HeadstartError, match="palette reads one image at a time"):
        encode_examples(processor, Examples(images, images), longest=None)
