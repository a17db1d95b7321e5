"""Vision Transformers: published sizes, patches suited to images, other sizes, visible patches alone, two readouts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_pixels import images
from tiny_images import encoded, striped
from torch.nn import functional as F

from headstart.backbones.gpt2 import GPT2Spec
from headstart.backbones.vit import ViT, ViTSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.shapes import ImageShape, TokenShape
from headstart.interop.names import fit_rules
from headstart.nn.pooling import pool
from headstart.processors.pixels import Pixels
from headstart.training.pretrained_model import PretrainedModel

# Parameters with an output for 1,000 classes at 224 pixels: ViT-B/16 (Dosovitskiy et al. 2021), DeiT-S and -Ti (Touvron
# et al. 2021, table 1), to the last one as timm counts them.
PUBLISHED = {"tiny": 5_717_416, "small": 22_050_664, "base": 86_567_656}
# Image GPT-S, -M and -L (Chen et al. 2020, section 3.2), in millions: 24, 36 and 48 layers over 512 colours.
IMAGE_GPT = {(24, 512): 76, (36, 1024): 455, (48, 1536): 1362}
SMALL = {"width": 24, "depth": 2, "heads": 2}
# What timm calls the tensors of a network of one layer, with shapes for width 24, patch 4 and 16 pixels.
TIMM = {
    "cls_token": (1, 1, 24),
    "pos_embed": (1, 17, 24),
    "patch_embed.proj.weight": (24, 3, 4, 4),
    "patch_embed.proj.bias": (24,),
    "blocks.0.norm1.weight": (24,),
    "blocks.0.norm1.bias": (24,),
    "blocks.0.attn.qkv.weight": (72, 24),
    "blocks.0.attn.qkv.bias": (72,),
    "blocks.0.attn.proj.weight": (24, 24),
    "blocks.0.attn.proj.bias": (24,),
    "blocks.0.norm2.weight": (24,),
    "blocks.0.norm2.bias": (24,),
    "blocks.0.mlp.fc1.weight": (96, 24),
    "blocks.0.mlp.fc1.bias": (96,),
    "blocks.0.mlp.fc2.weight": (24, 96),
    "blocks.0.mlp.fc2.bias": (24,),
    "norm.weight": (24,),
    "norm.bias": (24,),
}


def build(side: int = 16, **settings) -> ViT:
    torch.manual_seed(0)
    return ViTSpec(**SMALL | settings).build(ImageShape(3, side, side)).eval()


def batch_of(side: int = 16, count: int = 4) -> ImageBatch:
    pixels = np.stack(images(count, shape=ImageShape(3, side, side)))
    return ImageBatch(pixels_BCHW=torch.from_numpy(pixels), sample_B=torch.arange(count))


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_sizes_are_the_published_ones(size):
    with torch.device("meta"):
        network = ViTSpec(size=size).build(ImageShape(3, 224, 224))
        output = network.classification_head(1000)
    assert network.patch == 16
    assert sum(p.numel() for part in (network, output) for p in part.parameters()) == PUBLISHED[size]


@pytest.mark.parametrize(("depth", "width"), IMAGE_GPT)
def test_image_gpts_are_of_the_published_size(depth, width):
    with torch.device("meta"):
        spec = GPT2Spec(depth=depth, width=width, heads=8, mlp_width=4 * width, max_tokens=1024)
        network = spec.build(TokenShape(513))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6) == IMAGE_GPT[depth, width]


def test_patches_suit_the_images():
    found = {side: ViTSpec().side(ImageShape(3, side, side)) for side in (8, 16, 28, 32, 64, 96, 224, 384, 1024)}
    assert found == {8: 2, 16: 4, 28: 4, 32: 4, 64: 8, 96: 8, 224: 16, 384: 32, 1024: 32}
    assert ViTSpec(patch=7).build(ImageShape(1, 28, 28)).grid == (4, 4)
    assert build(19).grid == (4, 4)
    with pytest.raises(HeadstartError, match=r"vit.patch=32: images of 28 x 30 pixels have none; allowed: 1 to 28"):
        ViTSpec(patch=32).build(ImageShape(1, 30, 28))
    with pytest.raises(HeadstartError, match=r"vit.patch=0: expected at least 1"):
        ViTSpec(patch=0)
    with pytest.raises(HeadstartError, match="a patch has 4 a side"):
        build()(batch_of(3))


@pytest.mark.parametrize(("readout", "pooling"), [("class", "cls"), ("mean", "mean")])
@torch.no_grad()
def test_the_vector_is_what_the_readout_says(readout, pooling):
    network = build(readout=readout)
    found = network(batch_of(), layers=True, attention=True)
    assert found.last_BTD.shape == (4, 16 + (readout == "class"), 24)
    assert torch.equal(found.pooled_BD, pool(found, pooling))
    assert found.grid == (4, 4)
    assert (network.class_token is not None) == (readout == "class")
    output = network.classification_head(3)
    assert torch.equal(output(found), output.classifier(found.pooled_BD))
    items = [ImageRef.from_bytes(encoded(striped(number, number % 2, channels=3))) for number in range(5)]
    processor = Pixels().train(iter(items))
    base = PretrainedModel(processor, ViTSpec(**SMALL, readout=readout), network)
    for layer in (-1, 0, 1):
        assert np.array_equal(base.embed(items, layer=layer), base.embed(items, layer=layer, pooling=pooling))
    other = "mean" if pooling == "cls" else "cls"
    assert not np.array_equal(base.embed(items), base.embed(items, pooling=other))


@torch.no_grad()
def test_only_visible_patches_are_read():
    """What lies in other patches changes nothing, the places of those that are read do."""
    network, batch = build(), batch_of()
    visible_BV = torch.tensor([[0, 5, 9, 15], [1, 2, 3, 4], [15, 9, 5, 0], [6, 7, 10, 11]])
    part = dataclasses.replace(batch, extra={"visible_BV": visible_BV})
    found = network(part)
    assert found.last_BTD.shape == (4, 5, 24)
    assert network(part, attention=True).attention[0].shape == (4, 2, 5, 5)
    changed = batch.pixels_BCHW.clone()
    changed[0, :, 4:8, 8:12] += 90  # row 1, column 2: patch 6
    again = network(dataclasses.replace(batch, pixels_BCHW=changed, extra={"visible_BV": visible_BV}))
    assert torch.equal(again.last_BTD, found.last_BTD)
    changed[0, :, 4:8, 4:8] += 90  # patch 5
    again = network(dataclasses.replace(batch, pixels_BCHW=changed, extra={"visible_BV": visible_BV}))
    assert not torch.equal(again.last_BTD[0], found.last_BTD[0])
    every = torch.arange(16).expand(4, -1)
    whole = network(dataclasses.replace(batch, extra={"visible_BV": every}))
    assert torch.equal(whole.last_BTD, network(batch).last_BTD)
    turned = network(dataclasses.replace(batch, extra={"visible_BV": every.flip(1)})).last_BTD
    assert (turned[:, 1:].flip(1) - whole.last_BTD[:, 1:]).abs().max() <= 1e-5


@torch.no_grad()
def test_another_size_takes_interpolated_positions():
    network = build(16)
    wide = torch.nn.Parameter(network.positions.data.clone())
    square = wide[:, 1:].mT.unflatten(2, (4, 4))
    first, position = network._positions((6, 5))
    assert torch.equal(first, wide[:, :1])
    expected = F.interpolate(square, (6, 5), mode="bicubic", align_corners=False)
    assert torch.equal(position.mT.unflatten(2, (6, 5)), expected)
    assert torch.equal(network._positions((4, 4))[1], wide[:, 1:])
    found = network(batch_of(24))
    assert (found.grid, found.last_BTD.shape[1]) == ((6, 6), 37)


def test_gradients_reach_every_parameter():
    network = build()
    torch.nn.init.normal_(network.class_token)
    network(batch_of()).pooled_BD.pow(3).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_names_of_timm():
    network = ViTSpec(width=24, depth=1, heads=2).build(ImageShape(3, 16, 16))
    state = network.state_dict()
    rules = fit_rules(ViTSpec().foreign_names["timm"].backbone, state)
    assert {name: tuple(state[rule.ours].shape) for rule in rules for name in rule.theirs} == TIMM
    assert ViTSpec(readout="mean").foreign_names == ViTSpec(eps=1e-12).foreign_names == {}


def test_sizes_have_names_and_each_part_can_be_set():
    assert ViTSpec(size="small").sizes == {"width": 384, "depth": 12, "heads": 6, "mlp_width": 1536}
    spec = ViTSpec().with_settings([("size", "base"), ("depth", "3"), ("mlp_width", "100")])
    assert spec.sizes == {"width": 768, "depth": 3, "heads": 12, "mlp_width": 100}
    with pytest.raises(HeadstartError, match=r"vit.size 'bas'.*did you mean 'base'"):
        ViTSpec(size="bas")
    with pytest.raises(HeadstartError, match=r"vit.heads=5 does not divide width=384; nearest that does: 4"):
        ViTSpec(size="small", heads=5)
