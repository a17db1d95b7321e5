"""What a network is shown of a corrupted batch: pictures of every image for objectives of pixels, nothing of texts."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_parts import pair, small
from small_pixels import SmallPixels, images

from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.seeds import KeyedRandom

NETWORKS = registry.fitting("backbone", batch="pixels")


@pytest.mark.parametrize("name", registry.fitting("objective", batch="pixels"))
def test_images_are_seen(name):
    spec = registry.load("objective", name)()
    backbone = next(one for one in (small("backbone", name).build(SmallPixels().shape) for name in NETWORKS)
                    if one.reads in spec.reads)  # fmt: skip
    objective = spec.build(backbone, SmallPixels())
    batch = SmallPixels().collate(images(6))
    shown = objective.seen(objective.corrupt(batch, KeyedRandom(1)))
    assert shown
    for pixels in shown.values():
        assert pixels.dtype == torch.uint8
        assert pixels.ndim == 4
        assert len(pixels) == 6
        assert pixels.shape[1] in (1, 3)
        assert pixels.float().std() > 1  # something is to be seen
    assert len({tuple(pixels.shape) for pixels in shown.values()}) == 1  # they stand side by side
    assert len({pixels.numpy().tobytes() for pixels in shown.values()}) == len(shown)


def test_pixels_as_they_are_for_an_objective_that_says_nothing_else():
    batch = SmallPixels().collate(images(2))
    floats = dataclasses.replace(batch, pixels_BCHW=batch.pixels_BCHW.float() / 255)
    assert torch.equal(batch.pictures["image"], batch.pixels_BCHW)
    assert torch.equal(floats.pictures["image"], batch.pixels_BCHW)


def test_texts_are_no_pictures():
    parts = pair("mlm", "bert")
    batch = make_batch([[5, 6, 7, 8]])
    assert parts.objective.seen(parts.objective.corrupt(batch, KeyedRandom(1))) == {}
