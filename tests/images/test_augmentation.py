"""Views of images: equal to torch's resize, keyed by sample, and each change does what its name says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.images.augmentation import ViewSettings, apply_view, draw_view, resize_weights

PLAIN = ViewSettings(size=16, area=1.0, aspect=1.0, flip=0.0, jitter=0.0, grey=0.0)


def images(count=6, channels=3, height=24, width=32) -> ImageBatch:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, height, width)).astype(np.uint8)
    return ImageBatch(pixels_BCHW=torch.from_numpy(pixels), sample_B=torch.arange(100, 100 + count))


def view(settings: ViewSettings, batch: ImageBatch, *keys: int, name: str = "one") -> torch.Tensor:
    drawn = draw_view(settings, KeyedRandom(*(keys or (0,))), batch, name)
    return apply_view(dataclasses.replace(batch, extra=drawn), name, settings.size)


@pytest.mark.parametrize(("source", "target"), [(32, 16), (31, 8), (16, 16), (16, 24)])
def test_resizing_is_torchs_with_antialiasing(source, target):
    image = torch.rand(1, 1, source, source)
    weights = resize_weights(torch.zeros(1), torch.tensor([float(source)]), source, target)
    ours = weights[:, None] @ image @ weights[:, None].mT
    theirs = F.interpolate(image, (target, target), mode="bilinear", antialias=True)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_crop_shows_its_part_of_the_image():
    weights = resize_weights(torch.tensor([8.0]), torch.tensor([4.0]), 16, 4)
    assert torch.equal(weights[0], F.one_hot(torch.arange(8, 12), 16).float())


def test_without_changes_a_view_is_the_resized_image():
    batch = images(height=32)
    wanted = F.interpolate(batch.pixels_BCHW.float() / 255, (16, 16), mode="bilinear", antialias=True)
    assert torch.allclose(view(PLAIN, batch), wanted, atol=1e-5)


def test_a_mirrored_view_is_the_view_mirrored():
    batch = images()
    mirrored = view(dataclasses.replace(PLAIN, flip=1.0), batch)
    assert torch.allclose(mirrored, view(PLAIN, batch).flip(3), atol=1e-6)


def test_views_are_a_function_of_seed_epoch_sample_and_name():
    batch, settings = images(), ViewSettings(size=16)
    whole = view(settings, batch, 3, 1)
    assert torch.equal(whole, view(settings, batch, 3, 1))
    half = dataclasses.replace(batch, pixels_BCHW=batch.pixels_BCHW[3:], sample_B=batch.sample_B[3:])
    assert torch.allclose(view(settings, half, 3, 1), whole[3:], atol=1e-6)
    others = [view(settings, batch, 3, 2), view(settings, batch, 4, 1), view(settings, batch, 3, 1, name="two")]
    assert all((other - whole).abs().mean() > 0.02 for other in others)


def test_crops_keep_the_share_and_stay_inside():
    batch = ImageBatch(pixels_BCHW=torch.zeros(4000, 1, 20, 30, dtype=torch.uint8), sample_B=torch.arange(4000))
    drawn = draw_view(ViewSettings(size=8), KeyedRandom(0), batch, "v")
    left, top, wide, high = drawn["v.box_B4"].T
    assert min(left.min(), top.min()) >= 0
    assert (left + wide).max() <= 30 + 1e-4
    assert (top + high).max() <= 20 + 1e-4
    share = wide * high / 600
    assert 0.249 < share.min() < 0.27
    assert share.max() <= 1 + 1e-6
    assert 0.55 < share.mean() < 0.65  # uniform on [.25, 1], a little less where a side is cut to the image's
    uncut = (wide < 30) & (high < 20)
    assert 1.3 < (wide / high)[uncut].max() <= 4 / 3 + 1e-4
    assert 0.47 < drawn["v.flip_B"].mean() < 0.53
    assert 0.77 < (drawn["v.colour_B4"][:, 0] != 1).float().mean() < 0.83
    gain = drawn["v.gain_BC"][drawn["v.colour_B4"][:, 0] != 1]
    assert gain.mean() == pytest.approx(1, abs=0.01)
    assert gain.std() == pytest.approx(0.1, abs=0.01)


def test_grey_views_have_no_colour_and_colour_views_do():
    batch = images()
    grey = view(dataclasses.replace(PLAIN, grey=1.0), batch)
    assert torch.allclose(grey, grey.mean(1, keepdim=True).expand_as(grey), atol=1e-6)
    assert view(PLAIN, batch).std(1).mean() > 0.05


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "gain"])
def test_each_colour_change_changes_the_view(name):
    still = dict.fromkeys(["brightness", "contrast", "saturation", "gain"], 0.0)
    alone = dataclasses.replace(PLAIN, jitter=1.0, **still | {name: 0.4})
    unchanged = dataclasses.replace(PLAIN, jitter=1.0, **still)
    batch = images()
    assert torch.allclose(view(unchanged, batch), view(PLAIN, batch), atol=1e-6)
    assert (view(alone, batch) - view(PLAIN, batch)).abs().mean() > 0.002
    assert view(alone, batch).aminmax().min >= 0
    assert view(alone, batch).aminmax().max <= 1


def test_images_of_one_channel_stay_so():
    assert view(ViewSettings(size=8), images(channels=1)).shape == (6, 1, 8, 8)


@pytest.mark.parametrize("wrong", [{"flip": 1.5}, {"area": 0.0}, {"size": 0}, {"aspect": 0.5}, {"grey": -0.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(HeadstartError, match=next(iter(wrong))):
        ViewSettings(**{"size": 8} | wrong)
