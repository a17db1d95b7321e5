"""Every backbone of pixels: images do not see each other, layers are what they say, every weight is in one group."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_parts import small
from small_pixels import SHAPE, SmallPixels, images

from headstart.core import registry
from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone
from headstart.nn.pooling import OF_STAGES, pool

NAMES = registry.fitting("backbone", batch="pixels")
GREY = dataclasses.replace(SHAPE, channels=1, mean=SHAPE.mean[:1], std=SHAPE.std[:1])


def build(name: str, shape=SHAPE, seed: int = 3) -> Backbone:
    torch.manual_seed(seed)
    return small("backbone", name).build(shape).eval()


def batch_of(pixels: list[np.ndarray]) -> ImageBatch:
    return SmallPixels().collate(pixels)


def loud(network: Backbone) -> Backbone:
    """Return the network with what starts at zero set at random: it would hide what lies before it."""
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.mark.parametrize("shape", [SHAPE, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_shapes_and_settings(name, shape):
    network, spec = build(name, shape), small("backbone", name)
    assert registry.build_spec("backbone", spec.to_dict()) == spec
    assert network.vocabulary == 0
    batch = batch_of(images(4, shape=shape))
    plain, full = network(batch), network(batch, layers=True, attention=True)
    assert (plain.last_BTD is not None) == network.token_outputs
    assert pool(plain).shape == (4, network.width)
    assert pool(plain).isfinite().all()
    assert plain.layers == plain.attention == ()
    assert (pool(full) - pool(plain)).abs().max() <= 1e-5  # asking changes nothing
    assert len(full.layers) == network.depth + 1
    assert all(pool(full, layer=layer).shape[0] == 4 for layer in range(network.depth + 1))
    assert all(pool(full, layer=layer).ndim == 2 for layer in range(network.depth + 1))
    assert all(one.shape[0] == 4 and one.ndim == 4 for one in plain.maps)
    assert bool(plain.maps) == network.has_maps
    for how in OF_STAGES if network.has_maps else ():
        assert pool(plain, how).shape[0] == 4
        assert pool(plain, how).ndim == 2
    if network.token_outputs:
        assert torch.equal(full.layers[-1], full.last_BTD)
    for map_BHTT in full.attention:
        assert len(full.attention) == network.depth
        assert (map_BHTT.sum(-1) - 1).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_an_image_does_not_depend_on_its_batch(name):
    network, parts = loud(build(name)), images(5)
    together = pool(network(batch_of(parts)))
    turned = pool(network(batch_of(parts[::-1]))).flip(0)
    alone = torch.cat([pool(network(batch_of([part]))) for part in parts])
    assert (together - alone).abs().max() <= 1e-5
    assert (together - turned).abs().max() <= 1e-5
    changed = pool(network(batch_of([255 - parts[0], *parts[1:]])))
    assert (changed[0] - together[0]).abs().max() > 1e-4  # the check can see a change
    assert (changed[1:] - together[1:]).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_float_pixels_from_0_to_1_and_statistics_count(name):
    network, batch = loud(build(name)), batch_of(images(3))
    floats = dataclasses.replace(batch, pixels_BCHW=batch.pixels_BCHW.float() / 255)
    assert (pool(network(batch)) - pool(network(floats))).abs().max() <= 1e-5
    other = build(name, dataclasses.replace(SHAPE, mean=(), std=()))
    state = {label: tensor for label, tensor in network.state_dict().items() if not label.endswith("_C11")}
    assert len(state) < len(network.state_dict())
    other.load_state_dict(state, strict=False)
    assert (pool(network(batch)) - pool(other(batch))).abs().max() > 1e-4
    other.load_state_dict(network.state_dict())
    assert torch.equal(pool(network(batch)), pool(other(batch)))


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_in_one_group_and_is_used(name):
    network = loud(build(name)).train()
    grouped = [id(parameter) for group in network.groups() for parameter in group]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    assert all(group for group in network.groups())
    pool(network(batch_of(images(6)))).pow(3).sum().backward()
    assert not [label for label, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


@pytest.mark.parametrize("name", NAMES)
def test_start_is_a_function_of_the_seed(name):
    first, second, other = (build(name, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(second[label], tensor) for label, tensor in first.items())
    assert not all(torch.equal(other[label], tensor) for label, tensor in first.items())
    assert all(tensor.dtype == torch.float32 for tensor in first.values() if tensor.is_floating_point())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_leaves_no_trace_but_statistics(name):
    network, batch = build(name).train(), batch_of(images(4))
    weights = {label: parameter.detach().clone() for label, parameter in network.named_parameters()}
    pixels = batch.pixels_BCHW.clone()
    pool(network(batch)).sum().backward()
    assert torch.equal(batch.pixels_BCHW, pixels)
    assert all(torch.equal(parameter, weights[label]) for label, parameter in network.named_parameters())
    before = {label: tensor.clone() for label, tensor in network.state_dict().items()}
    network.eval()(batch)
    assert all(torch.equal(before[label], tensor) for label, tensor in network.state_dict().items())
