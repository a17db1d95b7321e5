"""Channel statistics are applied to uint8 and to float pixels alike, and travel with the weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from headstart.core.batch import ImageBatch
from headstart.core.shapes import ImageShape
from headstart.nn.standardise import Standardise


def test_both_kinds_of_pixels_are_standardised():
    module = Standardise(ImageShape(3, 2, 2, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)))
    batch = ImageBatch(pixels_BCHW=torch.full((1, 3, 2, 2), 255, dtype=torch.uint8), sample_B=torch.zeros(1).long())
    assert torch.allclose(module(batch)[0, :, 0, 0], torch.tensor([1.0, 3.0, 1.0]))
    floats = dataclasses.replace(batch, pixels_BCHW=torch.full((1, 3, 2, 2), 0.5))
    assert torch.allclose(module(floats)[0, :, 0, 0], torch.tensor([0.0, 1.0, 0.5]))
    other = Standardise(ImageShape(3, 2, 2))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(batch), module(batch))


def test_without_statistics_pixels_run_from_0_to_1():
    batch = ImageBatch(pixels_BCHW=torch.tensor([[[[0, 255]]]], dtype=torch.uint8), sample_B=torch.zeros(1).long())
    assert Standardise(ImageShape(1, 1, 2))(batch).flatten().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_convolutions_behind_it_compute_with_channels_last(channels):
    """One channel lies in memory alike either way, and torch takes it for channels first unless its stride says so."""
    shape = ImageShape(channels, 6, 5, (0.5,) * channels, (0.25,) * channels)
    pixels = torch.randint(0, 256, (2, channels, 6, 5), dtype=torch.uint8)
    image = Standardise(shape)(ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(2)))
    assert torch.allclose(image, (pixels.float() / 255 - 0.5) / 0.25, atol=1e-6)
    convolution = torch.nn.Conv2d(channels, 4, 3)
    assert convolution(image).is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(
        convolution(image), convolution(image.clone(memory_format=torch.contiguous_format)), atol=1e-5
    )
