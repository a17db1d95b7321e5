"""Every published convolutional network: names of torchvision at all depths, real sizes in training, all forms learn.

Run it by name: pytest tests/full/test_published_networks.py (about two minutes on one core, 3 GB).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import reference_networks as reference
import torch
from bright_halves import accuracy, seeded, train
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backbones"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "equality"))

from test_convolutional_networks import NAMES, PUBLISHED, images, label
from test_names_of_torchvision import DENSENET, RESNET, VGG, check_equal_logits, check_full_size, densenet, resnet, vgg

from headstart.backbones.alexnet import AlexNetSpec
from headstart.backbones.densenet import DenseNetSpec
from headstart.backbones.googlenet import GoogLeNetSpec
from headstart.backbones.mlp import MLPSpec
from headstart.backbones.resnet import ResNetSpec
from headstart.backbones.vgg import VGGSpec
from headstart.core.shapes import ImageShape

_SMALL = {"dense": 64, "grid": 2}
LEARNING = [
    AlexNetSpec(width_multiplier=1 / 4, stem="cifar", **_SMALL),
    AlexNetSpec(width_multiplier=1 / 4, stem="cifar", towers=1, local_response=False, **_SMALL),
    VGGSpec(width=8, norm="none", stem="cifar", **_SMALL),
    VGGSpec(width=8, stem="cifar", **_SMALL),
    VGGSpec(depth=19, width=8, stem="cifar", dense=0),
    GoogLeNetSpec(width_multiplier=1 / 4, stem="cifar"),
    GoogLeNetSpec(width_multiplier=1 / 4, stem="cifar", form="batch_norm"),
    DenseNetSpec(growth=8, stem="cifar"),
    MLPSpec(width=64),
    MLPSpec(width=64, norm="batch"),
]


@pytest.mark.parametrize(("depth", "batch_norm"), VGG)
def test_equal_logits_of_vgg(depth, batch_norm):
    check_equal_logits(vgg(depth, batch_norm))
    spec = VGGSpec(depth=depth, norm="batch" if batch_norm else "none")
    check_full_size(spec, reference.vgg_shapes(depth, batch_norm))


@pytest.mark.parametrize("depth", DENSENET)
def test_equal_logits_of_densenet(depth):
    check_equal_logits(densenet(depth))
    sizes = (48, 96) if depth == 161 else (32, 64)
    check_full_size(DenseNetSpec(depth=depth), reference.densenet_shapes(depth, *sizes))


@pytest.mark.parametrize("depth", RESNET)
def test_equal_logits_of_resnet(depth):
    check_equal_logits(resnet(depth))
    check_full_size(ResNetSpec(depth=depth), reference.resnet_shapes(depth))


@pytest.mark.parametrize(("spec", "parameters"), [one[:2] for one in PUBLISHED], ids=NAMES)
def test_gradients_reach_every_parameter_at_the_published_size(spec, parameters):
    torch.manual_seed(0)
    network = spec.build(ImageShape(3, 96, 96))
    output = network.classification_head(1000)
    F.cross_entropy(output(network(images(2, 3, 96, 96))), torch.tensor([1, 2])).backward()
    everything = [*network.named_parameters(), *output.named_parameters()]
    assert sum(parameter.numel() for _, parameter in everything) == parameters
    lost = [name for name, parameter in everything if parameter.grad is None or not parameter.grad.abs().sum() > 0]
    assert lost == []


@pytest.mark.parametrize("spec", LEARNING, ids=label)
def test_learns_which_half_is_bright(spec):
    torch.manual_seed(0)
    network = spec.build(ImageShape(1, 16, 16, (0.4,), (0.25,)))
    output = network.classification_head(2)
    train(network, output, *seeded(32, 16, 0), 60, 2e-3)
    assert accuracy(network, output, *seeded(64, 16, 1)) >= 0.95
