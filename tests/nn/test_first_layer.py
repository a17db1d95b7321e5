"""Other channels for a first layer: grey images keep their meaning, colours too where there are more channels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from headstart.core.shapes import ImageShape
from headstart.nn.first_layer import filters_with

IMAGENET = ImageShape(3, 12, 12, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EQUAL = ImageShape(3, 12, 12, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
PLAIN = ImageShape(3, 12, 12)
GREY = ImageShape(1, 12, 12, (0.3,), (0.2,))


def seen(image: torch.Tensor, shape: ImageShape) -> torch.Tensor:
    """Return the image as a network of that shape standardises it."""
    if not shape.mean:
        return image
    mean, std = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (shape.mean, shape.std))
    return (image - mean) / std


def outputs(weight, shape, channels, image, padding=0):
    """Return what the old filters and the new ones give for an image of one channel that is repeated."""
    new, more_O = filters_with(weight, shape, channels)
    changed = shape.with_channels(channels)
    before = F.conv2d(seen(image.expand(-1, shape.channels, -1, -1), shape), weight, padding=padding)
    after = F.conv2d(seen(image.expand(-1, channels, -1, -1), changed), new, padding=padding)
    return before, after - more_O[:, None, None]


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 13])
@pytest.mark.parametrize("shape", [IMAGENET, EQUAL, PLAIN, GREY], ids=["imagenet", "equal", "plain", "grey"])
def test_a_grey_image_gives_the_same_outputs(shape, channels):
    torch.manual_seed(0)
    weight = torch.randn(8, shape.channels, 3, 3, dtype=torch.float64)
    image = torch.rand(2, 1, 12, 12, dtype=torch.float64)
    before, after = outputs(weight, shape, channels, image)
    assert after.shape == before.shape
    assert (after - before).abs().max() <= 1e-12
    if channels >= shape.channels or shape is not IMAGENET:  # at the edges too
        before, after = outputs(weight, shape, channels, image, padding=1)
        assert (after - before).abs().max() <= 1e-12


def test_the_shift_is_what_makes_statistics_of_imagenet_exact():
    weight, image = torch.randn(8, 3, 3, 3, dtype=torch.float64), torch.rand(2, 1, 12, 12, dtype=torch.float64)
    _, more_O = filters_with(weight, IMAGENET, 1)
    before, after = outputs(weight, IMAGENET, 1, image)
    assert (after + more_O[:, None, None] - before).abs().max() > 1e-2
    assert filters_with(weight, EQUAL, 1)[1].abs().max() <= 1e-12


def test_more_channels_keep_the_colours():
    weight, image = torch.randn(8, 3, 3, 3, dtype=torch.float64), torch.rand(2, 3, 12, 12, dtype=torch.float64)
    new, _ = filters_with(weight, IMAGENET, 6)
    twice = torch.cat([image, image], dim=1)
    before, after = (F.conv2d(seen(x, s), w) for x, s, w in
                     ((image, IMAGENET, weight), (twice, IMAGENET.with_channels(6), new)))  # fmt: skip
    assert (after - before).abs().max() <= 1e-12
    assert torch.equal(filters_with(weight, IMAGENET, 3)[0], weight)
    assert IMAGENET.with_channels(4).mean == (0.485, 0.456, 0.406, 0.485)
