"""Masked autoencoder: a quarter is read, nothing leaks, the target is normalised, blocks are blocks, pictures tell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_pixels import SHAPE, SmallPixels, images

from headstart.backbones.small_resnet import SmallResNet
from headstart.backbones.vit import ViTSpec
from headstart.core.batch import ImageBatch
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import ImageShape
from headstart.objectives.mae import MAE, MAESpec

WHOLE = {"area": 1.0, "flip": 0.0, "width": 24, "heads": 2}


def parts(readout: str = "class", side: int = 16, **settings) -> tuple[torch.nn.Module, MAE]:
    torch.manual_seed(0)
    processor = SmallPixels(dataclasses.replace(SHAPE, height=side, width=side))
    network = ViTSpec(width=24, depth=2, heads=2, readout=readout).build(processor.shape)
    return network.eval(), build_objective(MAESpec(**WHOLE | settings), network, processor).eval()


def corrupted(objective: MAE, count: int = 6, side: int = 16):
    shape = ImageShape(3, side, side)
    return objective.corrupt(SmallPixels(shape).collate(images(count, shape=shape)), KeyedRandom(3))


@pytest.mark.parametrize(
    ("masking", "ratio", "hidden"), [("random", 0.75, 37), ("blocks", 0.6, 29), ("random", 1e-9, 1)]
)
def test_every_patch_is_hidden_or_read(masking, ratio, hidden):
    objective = parts(side=28, masking=masking, mask_ratio=ratio)[1]
    batch = corrupted(objective, side=28)
    assert batch.extra["hidden_BM"].shape == (6, hidden)
    assert batch.extra["visible_BV"].shape == (6, 49 - hidden)
    both = torch.cat([batch.extra["hidden_BM"], batch.extra["visible_BV"]], 1)
    assert torch.equal(both.sort(1).values, torch.arange(49).expand(6, -1))
    assert len({tuple(row) for row in both.tolist()}) == 6  # each image its own


def test_blocks_are_larger_than_single_patches():
    """Of neighbours side by side more are hidden together; all places are hidden about equally often."""
    alike = {}
    for masking in ("random", "blocks"):
        objective = parts(side=56, masking=masking, mask_ratio=0.5)[1]
        pixels = torch.zeros(400, 3, 56, 56, dtype=torch.uint8)
        batch = objective.corrupt(ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(400)), KeyedRandom(0))
        is_hidden = torch.zeros(400, 196).scatter(1, batch.extra["hidden_BM"], 1.0).view(400, 14, 14)
        alike[masking] = float((is_hidden[:, :, 1:] == is_hidden[:, :, :-1]).float().mean())
        assert (is_hidden.mean(0) - 0.5).abs().max() <= 0.1
    assert alike["random"] == pytest.approx(0.5, abs=0.02)
    assert alike["blocks"] > 0.75


@pytest.mark.parametrize("readout", ["class", "mean"])
@torch.no_grad()
def test_predictions_do_not_depend_on_hidden_pixels(readout):
    network, objective = parts(readout)
    batch = corrupted(objective)

    def drawn(one):
        pixels = one.pixels_BCHW.float() / 255
        return objective.draw(objective._decoded(network(dataclasses.replace(one, pixels_BCHW=pixels)).last_BTD, one))

    before, changed = drawn(batch), batch.pixels_BCHW.clone()
    place = int(batch.extra["hidden_BM"][0, 3])
    row, column = 4 * (place // 4), 4 * (place % 4)
    changed[0, :, row : row + 4, column : column + 4] = 255
    assert torch.equal(drawn(dataclasses.replace(batch, pixels_BCHW=changed)), before)
    place = int(batch.extra["visible_BV"][0, 0])
    row, column = 4 * (place // 4), 4 * (place % 4)
    changed[0, :, row : row + 4, column : column + 4] = 255
    after = drawn(dataclasses.replace(batch, pixels_BCHW=changed))
    assert not torch.equal(after[0], before[0])
    assert torch.equal(after[1:], before[1:])
    turned = {name: numbers.flip(1) for name, numbers in batch.extra.items() if name in ("hidden_BM", "visible_BV")}
    again = drawn(dataclasses.replace(batch, extra=batch.extra | turned))  # the order in which they are read
    assert (again.flip(1) - before).abs().max() <= 1e-5


@torch.no_grad()
def test_the_target_has_mean_0_and_variance_1_and_is_the_hidden_patch():
    network, objective = parts()
    batch = corrupted(objective)
    torch.nn.init.zeros_(objective.draw.weight), torch.nn.init.zeros_(objective.draw.bias)
    loss = objective(network, batch)
    assert loss.count == 6 * 12
    assert float(loss.mean()) == pytest.approx(1.0, abs=1e-3)  # an answer of 0 explains nothing
    flat = dataclasses.replace(batch, pixels_BCHW=torch.full_like(batch.pixels_BCHW, 9))
    assert float(objective(network, flat).mean()) == pytest.approx(0.0, abs=1e-6)
    # One pixel is brighter in all patches, so an answer that says so is right; in another place it is wrong.
    pixels = torch.zeros_like(batch.pixels_BCHW)
    pixels[:, 1, 2::4, 1::4] = 200
    answer = torch.full((48,), -1 / 47**0.5)
    answer[16 + 4 * 2 + 1] = 47**0.5
    for shift, expected in ((0, 0.0), (1, 2 * (47 + 2 + 1 / 47) / 48)):
        objective.draw.bias.copy_(answer.roll(shift))
        found = float(objective(network, dataclasses.replace(batch, pixels_BCHW=pixels)).mean())
        assert found == pytest.approx(expected, abs=1e-3)


def test_what_is_seen_has_grey_patches():
    objective = parts()[1]
    batch = corrupted(objective)
    shown = objective.seen(batch)
    assert torch.equal(shown["image"], batch.pixels_BCHW)
    differs = (shown["image"] != shown["visible"]).any(1)
    assert (shown["visible"][differs[:, None].expand(-1, 3, -1, -1)] == 128).all()
    assert differs.float().mean() == pytest.approx(0.75, abs=0.02)
    cropped = parts(area=0.3, flip=0.5)[1]
    assert not torch.equal(cropped.seen(corrupted(cropped))["image"], batch.pixels_BCHW)


def test_what_cannot_be_hidden_is_refused():
    with pytest.raises(HeadstartError, match="objective mae needs a backbone"):
        build_objective(MAESpec(), SmallResNet().build(SHAPE), SmallPixels())
    network = ViTSpec(width=24, depth=1, heads=2, patch=16).build(SHAPE)
    with pytest.raises(
        HeadstartError, match=r"16 x 16 pixels are a single patch of 16; choose a smaller backbone.patch"
    ):
        build_objective(MAESpec(), network, SmallPixels())
    for wrong, said in (
        ({"mask_ratio": 1.0}, "mask_ratio=1.0"),
        ({"area": 0.0}, "area=0.0"),
        ({"heads": 3}, "heads=3"),
    ):
        with pytest.raises(HeadstartError, match=said):
            MAESpec(**wrong)


@torch.no_grad()
def test_an_odd_shape_is_read_as_its_square():
    shape = ImageShape(1, 21, 30)
    network = ViTSpec(width=24, depth=1, heads=2, patch=4).build(shape)
    objective = build_objective(MAESpec(**WHOLE), network, SmallPixels(shape))
    batch = objective.corrupt(SmallPixels(shape).collate(images(3, shape=shape)), KeyedRandom(0))
    assert np.isfinite(float(objective(network, batch).mean()))
    assert objective.seen(batch)["visible"].shape == (3, 1, 20, 20)
