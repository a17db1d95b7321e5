"""Denoising: the loss is in standard deviations of the pixels, the noise is what was asked for and its key's."""

from __future__ import annotations

import pytest
import torch
from small_parts import pair
from small_pixels import SmallPixels, images
from torch import nn

from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.objectives.denoise import DenoiseSpec, _as_map


def setting(**settings):
    parts = pair("denoise", "small_resnet")
    objective = DenoiseSpec(**settings).build(parts.backbone, SmallPixels())
    batch = SmallPixels().collate(images(16), samples=range(16))
    return parts.backbone, objective, batch


def test_who_draws_the_mean_loses_the_variance():
    backbone, objective, batch = setting(area=1.0, jitter=0.0, grey=0.0, flip=0.0, aspect=1.0)
    for part in objective.decoder:
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.weight), nn.init.zeros_(part.bias)
    corrupted = objective.corrupt(batch, KeyedRandom(1))
    found = objective(backbone, corrupted)
    pixels, shape = batch.pixels_BCHW.float() / 255, SmallPixels().shape
    mean, std = (torch.tensor(values)[:, None, None] for values in (shape.mean, shape.std))
    assert found.mean().item() == pytest.approx(((pixels - mean) / std).square().mean().item(), rel=1e-4)
    assert found.count == 16


def test_the_noise_has_the_spread_that_was_asked_for():
    _, objective, batch = setting(noise=0.2)
    noise = objective.corrupt(batch, KeyedRandom(1)).extra["noise_BCSS"]
    assert noise.shape == (16, 3, 16, 16)
    assert noise.mean().abs() < 0.01
    assert noise.std().item() == pytest.approx(0.2, rel=0.03)
    shown = objective.seen(objective.corrupt(batch, KeyedRandom(1)))
    assert list(shown) == ["clean", "noisy"]


def test_the_loss_of_a_batch_is_that_of_its_parts():
    backbone, objective, _ = setting()
    backbone.eval(), objective.eval()
    pixels = images(12)

    def total(rows):
        batch = SmallPixels().collate([pixels[row] for row in rows], samples=rows)
        return objective(backbone, objective.corrupt(batch, KeyedRandom(1))).total.item()

    assert total(range(12)) == pytest.approx(total(range(5)) + total(range(5, 12)), rel=1e-4)


def test_every_kind_of_output_becomes_a_map():
    tokens_BTD = torch.arange(2 * 7 * 3).reshape(2, 7, 3).float()  # a special token, then 2 rows of 3
    found = _as_map(Features(last_BTD=tokens_BTD, mask_BT=torch.ones(2, 7, dtype=torch.bool), grid=(2, 3)))
    assert found.shape == (2, 3, 2, 3)
    assert torch.equal(found[1, :, 1, 2], tokens_BTD[1, 6])
    assert _as_map(Features(pooled_BD=torch.zeros(2, 5))).shape == (2, 5, 1, 1)


def test_no_noise_is_refused():
    with pytest.raises(HeadstartError, match=r"denoise\.noise=0"):
        DenoiseSpec(noise=0.0)
