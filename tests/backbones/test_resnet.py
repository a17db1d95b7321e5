"""Residual networks: published sizes, every stem and block learns, any image size, gradients, the zero start."""

from __future__ import annotations

import pytest
import torch
from bright_halves import accuracy, seeded, train

from headstart.backbones.resnet import ResNet, ResNetSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.nn.pooling import pool

# Parameters with an output for the 1,000 classes of ImageNet, as torchvision and its model cards state them.
PUBLISHED = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
KINDS = [(18, "imagenet"), (18, "cifar"), (50, "imagenet"), (50, "cifar")]


def build(depth: int, stem: str, *, width: int = 4, channels: int = 3) -> ResNet:
    torch.manual_seed(0)
    return ResNetSpec(depth=depth, stem=stem, width=width).build(ImageShape(channels, 12, 12))


def images(count: int, channels: int, height: int, width: int) -> ImageBatch:
    generator = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, channels, height, width), generator=generator, dtype=torch.uint8)
    return ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(count))


def loud(network: ResNet) -> ResNet:
    """Return the network with norms at random, so that no branch is switched off."""
    for label, parameter in network.named_parameters():
        if "norm.weight" in label:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return network


@pytest.mark.parametrize("depth", PUBLISHED)
def test_the_sizes_are_the_published_ones(depth):
    with torch.device("meta"):
        network = ResNetSpec(depth=depth).build(ImageShape(3, 224, 224))
        output = network.classification_head(1000)
    assert sum(p.numel() for part in (network, output) for p in part.parameters()) == PUBLISHED[depth]
    assert (network.width, network.depth) == (2048 if depth >= 50 else 512, 4)


@pytest.mark.parametrize(("depth", "stem"), KINDS)
def test_learns_which_half_is_bright(depth, stem):
    network = build(depth, stem, channels=1)
    output = network.classification_head(2)
    train(network, output, *seeded(32, 12, 0), 25, 1e-2)
    assert accuracy(network, output, *seeded(64, 12, 1)) >= 0.95


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (13, 7), (33, 47)])
@pytest.mark.parametrize(("depth", "stem"), KINDS)
@torch.no_grad()
def test_any_size_gives_four_stages_and_their_means(depth, stem, size, channels):
    network, batch = loud(build(depth, stem, channels=channels)).eval(), images(2, channels, *size)
    found = network(batch, layers=True)
    factor = 4 if depth == 50 else 1
    side = [-(-length // (1 if stem == "cifar" else 4)) for length in size]
    for number, one in enumerate(found.maps):
        assert one.shape == (2, factor * 4 * 2**number, *(-(-length // 2**number) for length in side))
        assert torch.equal(found.layers[number + 1], one.mean((2, 3)))
    assert [one.shape for one in found.layers] == [(2, d) for d in (4, *(factor * 4 * 2**n for n in range(4)))]
    assert torch.equal(found.pooled_BD, found.layers[-1])
    assert torch.equal(pool(found, "mean", 2), found.layers[2])
    plain = network(batch)
    assert plain.layers == ()
    assert torch.equal(plain.pooled_BD, found.pooled_BD)


@pytest.mark.parametrize(("depth", "stem"), KINDS)
def test_gradients_reach_every_parameter(depth, stem):
    network = loud(build(depth, stem))
    grouped = [id(parameter) for group in network.groups() for parameter in group]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    network(images(4, 3, 32, 32)).pooled_BD.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    first, last = network.groups()[0], network.groups()[-1]
    assert first[0] is network.stem.conv.weight
    assert last[-1] is list(network.stages[3].parameters())[-1]


@pytest.mark.parametrize("depth", [18, 50])
@torch.no_grad()
def test_a_new_block_is_its_shortcut(depth):
    network = build(depth, "cifar").eval()
    first, second = network.stages[1].blocks[:2]
    image = torch.rand(2, network.stages[0].blocks[-1].parts[-1].norm.num_features, 8, 8)
    hidden = first(image)
    assert torch.equal(hidden, first.shortcut(image).relu())
    assert torch.equal(second(hidden), hidden)
    torch.nn.init.ones_(second.parts[-1].norm.weight)  # the twin
    assert not torch.equal(second(hidden), hidden)


def test_other_depths_and_no_width_are_refused():
    with pytest.raises(HeadstartError, match=r"resnet.depth=20: expected 18 \| 34"):
        ResNetSpec(depth=20)
    with pytest.raises(HeadstartError, match=r"resnet.width=0: expected at least 1"):
        ResNetSpec(width=0)
