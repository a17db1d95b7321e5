"""Changes of labelled images: functions of their keys, each doing what its name says, exact also in bf16 training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.images import policy
from headstart.images.policy import OPERATIONS, Augment, apply_changes, draw_changes, draw_cut, inside

ALL = Augment(shift=0.2, area=0.5, flip=0.5, jitter=1.0, operations=3, magnitude=0.5, erase=0.5)


def images(count=6, channels=3, height=14, width=20) -> ImageBatch:
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, height, width)).astype(np.uint8)
    return ImageBatch(pixels_BCHW=torch.from_numpy(pixels), sample_B=torch.arange(100, 100 + count))


def changed(augment: Augment, batch: ImageBatch, seed: int = 3, epoch: int = 1) -> torch.Tensor:
    return apply_changes(augment, draw_changes(augment, KeyedRandom(seed, epoch), batch)).pixels_BCHW


def test_nothing_asked_for_is_nothing_done():
    batch = images()
    assert draw_changes(Augment(), KeyedRandom(0), batch) is batch
    assert apply_changes(ALL, batch) is batch  # nothing was drawn, as in an evaluation


def test_changes_are_a_function_of_seed_epoch_and_sample():
    batch = images()
    whole = changed(ALL, batch)
    assert whole.shape == batch.pixels_BCHW.shape
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 1
    assert torch.equal(whole, changed(ALL, batch))
    half = dataclasses.replace(batch, pixels_BCHW=batch.pixels_BCHW[3:], sample_B=batch.sample_B[3:])
    assert torch.allclose(changed(ALL, half), whole[3:], atol=1e-6)
    assert (changed(ALL, batch, epoch=2) - whole).abs().mean() > 0.02
    assert (changed(ALL, batch, seed=4) - whole).abs().mean() > 0.02


def test_a_shift_is_whole_pixels_and_repeats_the_border():
    batch = images(40)
    moved, most, seen = changed(Augment(shift=0.15), batch), (2, 3), set()
    for image, now in zip(batch.pixels_BCHW.numpy(), (moved * 255).round().to(torch.uint8).numpy()):
        wide = np.pad(image, ((0, 0), (most[0],) * 2, (most[1],) * 2), mode="edge")
        places = [(y, x) for y in range(5) for x in range(7) if np.array_equal(wide[:, y : y + 14, x : x + 20], now)]
        assert len(places) == 1
        seen.add(places[0])
    assert {y for y, _ in seen} == set(range(5))
    assert {x for _, x in seen} == set(range(7))


def test_a_flip_mirrors():
    batch = images()
    mirrored = changed(Augment(flip=1.0), batch)
    assert torch.allclose(mirrored, batch.pixels_BCHW.flip(3) / 255, atol=1e-6)


def test_erasing_paints_one_rectangle_in_one_colour():
    batch = images(200, height=28, width=28)
    augment = Augment(erase=0.5)
    hidden_BHW = (changed(augment, batch) - batch.pixels_BCHW / 255).abs().amax(1) > 0
    share_B = hidden_BHW.float().mean((1, 2))
    assert float((share_B > 0).float().mean()) == pytest.approx(0.5, abs=0.1)
    assert float(share_B.max()) <= 0.36  # a third, and the rounding to whole pixels
    for image, hidden in zip(changed(augment, batch)[share_B > 0][:20], hidden_BHW[share_B > 0]):
        rows, columns = (torch.nonzero(hidden.any(side)).flatten() for side in (1, 0))
        inner = image[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert float(inner.flatten(1).std(1).max()) < 1e-6


def alone(name: str, strength: float, image: torch.Tensor) -> torch.Tensor:
    """Return the images after one operation."""
    strength_BK = torch.zeros(len(image), len(OPERATIONS))
    strength_BK[:, OPERATIONS.index(name)] = strength
    return policy._operate(image, strength_BK)


def test_operations_do_what_they_are_called():
    image = images(height=20, width=20).pixels_BCHW / 255
    assert torch.allclose(alone("turn", 0.0, image), image, atol=1e-5)  # without strength nothing changes
    dull = 0.2 + 0.5 * image
    for name in OPERATIONS:
        assert (alone(name, 0.5, dull) - dull).abs().mean() > 5e-3, name
        assert alone(name, -0.5, image).isfinite().all()
    # .45 of the side of 20 pixels is 9; half of it blurs by half a pixel.
    assert torch.allclose(alone("move_x", 1.0, image)[..., :11], image[..., 9:], atol=1e-4)
    assert torch.allclose(alone("move_y", -1.0, image)[:, :, 9:], image[:, :, :11], atol=1e-4)
    assert len(alone("posterise", 1.0, image).unique()) == 8
    assert torch.equal(alone("solarise", 1.0, image) > 0.5, image < 0.5)
    assert torch.allclose(alone("stretch", 1.0, dull).amax((2, 3)), torch.ones(6, 3), atol=1e-5)
    assert torch.allclose(alone("brightness", -0.5, image), image / 2, atol=1e-6)
    grey = alone("saturation", -1.0, image)
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-6)


def test_so_many_operations_are_drawn_and_all_of_them_come_up():
    strength_BK = policy._operations(Augment(operations=2, magnitude=0.4), KeyedRandom(0), np.arange(2_000))
    drawn_B = (strength_BK != 0).sum(1)
    assert set(drawn_B) == {0, 1, 2}
    assert drawn_B.mean() == pytest.approx(2 * 12 / 13, abs=0.1)
    assert ((strength_BK != 0).mean(0) > 0.1).all()
    assert set(np.abs(strength_BK[strength_BK != 0]).round(6)) == {np.float32(0.4)}


def test_a_cut_has_the_share_that_it_says():
    shares = []
    for sample in range(200):
        batch = dataclasses.replace(images(2, height=24, width=16), sample_B=torch.tensor([sample, sample + 1]))
        box_14, kept = draw_cut(KeyedRandom(1), batch)
        assert float(inside(box_14, 24, 16).float().mean()) == pytest.approx(1 - kept)
        shares.append(kept)
    assert 0.5 < np.mean(shares) < 0.8  # uniform, less what the border cuts off
    assert min(shares) < 0.2


def test_places_of_pixels_are_exact_in_bf16_training():
    batch, augment = images(height=28, width=28), Augment(shift=0.2, operations=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(changed(augment, batch), changed(augment, batch))
        low = changed(augment, batch)
    assert torch.equal(low, changed(augment, batch))


@pytest.mark.parametrize(
    "settings",
    [{"flip": 1.5}, {"shift": 0.6}, {"area": 0.0}, {"operations": 13}, {"operations": -1}, {"cutmix": -0.1}],
)
def test_wrong_settings_teach(settings):
    (name,) = settings
    with pytest.raises(HeadstartError, match=rf"augment\.{name}="):
        Augment(**settings)
