"""Every backbone of texts: samples do not see each other, layers and maps are right, every weight is in one group."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_parts import small

from headstart.core import registry
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.contracts import Backbone, EncoderDecoder, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.nn.pooling import pool

NAMES = registry.fitting("backbone", batch="tokens")
VOCABULARY = 61


def build(name: str, **settings) -> Backbone:
    torch.manual_seed(3)
    return small("backbone", name, **settings).build(TokenShape(VOCABULARY, 0)).eval()


def samples(lengths: tuple[int, ...] = (5, 40, 1, 11)) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def vectors(features: Features) -> list[torch.Tensor]:
    """Return each sample's outputs as one vector: all token states, or its own document vector."""
    if features.last_BTD is None:
        return list(features.pooled_BD)
    return [hidden[mask].flatten() for hidden, mask in zip(features.last_BTD, features.mask_BT, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_settings(name):
    backbone, spec = build(name), small("backbone", name)
    assert registry.build_spec("backbone", spec.to_dict()) == spec
    assert backbone.width == spec.width
    with torch.no_grad():
        features = backbone(make_batch(samples()))
    assert (features.last_BTD is not None) == backbone.token_outputs
    assert pool(features, "mean").shape == (4, backbone.width)
    if backbone.token_outputs:
        assert features.last_BTD.shape == (4, 40, backbone.width)
        assert features.mask_BT.sum(1).tolist() == [5, 40, 1, 11]
    assert all(vector.isfinite().all() for vector in vectors(features))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_sample_does_not_depend_on_its_batch(name):
    backbone, parts = build(name), samples()
    together = vectors(backbone(make_batch(parts)))
    turned = vectors(backbone(make_batch(parts[::-1])))[::-1]
    for row, part in enumerate(parts):
        alone = vectors(backbone(make_batch([part])))[0]
        assert (together[row] - alone).abs().max() <= 1e-5
        assert (turned[row] - alone).abs().max() <= 1e-5
    changed = vectors(backbone(make_batch([parts[0].flip(0), *parts[1:]])))
    assert (changed[0] - together[0]).abs().max() > 1e-4 or not backbone.token_outputs  # the check can see a change
    assert (changed[1] - together[1]).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_in_one_group_and_is_used(name):
    backbone = build(name)
    grouped = [id(parameter) for group in backbone.groups() for parameter in group]
    assert sorted(grouped) == sorted(id(parameter) for parameter in backbone.parameters())
    assert all(group for group in backbone.groups())
    for parameter in backbone.parameters():  # what starts at zero would hide what lies before it
        torch.nn.init.normal_(parameter, std=0.2)
    features = backbone(make_batch(samples()))
    score = pool(features, "mean").square().sum()
    if features.pooled_BD is not None:
        score = score + features.pooled_BD.square().sum()
    if isinstance(backbone, EncoderDecoder):
        written = backbone.decode(make_batch(samples()[::-1]), features)
        score = score + written.last_BTD[written.mask_BT].square().sum()
    score.backward()
    unused = [label for label, p in backbone.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unused in ([], ["types.weight"])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_layers_and_maps(name):
    backbone = build(name)
    batch = make_batch(samples())
    plain, full = backbone(batch), backbone(batch, layers=True, attention=True)
    assert plain.layers == plain.attention == ()
    assert len(full.layers) == backbone.depth + 1
    assert all(
        (a - b).abs().max() <= 1e-5 for a, b in zip(vectors(plain), vectors(full), strict=True)
    )  # asking changes nothing
    last = full.pooled_BD if full.last_BTD is None else full.last_BTD
    assert torch.equal(full.layers[-1], last)
    for map_BHTT in full.attention:
        assert len(full.attention) == backbone.depth
        rows = map_BHTT.sum(-1).transpose(1, 2)[full.mask_BT]
        assert (rows - 1).abs().max() <= 1e-5
        assert (map_BHTT * ~full.mask_BT[:, None, None, :]).abs().max() <= 1e-6


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_empty_samples_do_no_harm(name):
    backbone, (part, *_) = build(name), samples()
    empty = torch.zeros(0, dtype=torch.int64)
    features = backbone(make_batch([empty, part, empty]))
    pooled = pool(features, "mean")
    assert pooled.shape == (3, backbone.width)
    assert pooled.isfinite().all()
    alone = pool(backbone(make_batch([part])), "mean")
    assert (pooled[1] - alone[0]).abs().max() <= 1e-5
    assert pool(backbone(make_batch([empty])), "mean").isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_start_is_a_function_of_the_seed(name):
    first, second = build(name).state_dict(), build(name).state_dict()
    assert all(torch.equal(second[label], tensor) for label, tensor in first.items())
    torch.manual_seed(4)
    other = small("backbone", name).build(TokenShape(VOCABULARY, 0)).state_dict()
    assert not all(torch.equal(other[label], tensor) for label, tensor in first.items())
    assert all(tensor.dtype == torch.float32 for tensor in first.values() if tensor.is_floating_point())


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_longest_sample_and_pairs(name):
    backbone = build(name)
    batch = make_batch(samples())
    pairs: TokenBatch = dataclasses.replace(batch, segment_ids_N=(batch.position_N() > 2).long())
    assert pool(backbone(pairs), "mean").isfinite().all()
    if backbone.max_tokens is not None:
        assert pool(backbone(make_batch(samples((backbone.max_tokens,)))), "mean").isfinite().all()
        with pytest.raises(HeadstartError, match=rf"{backbone.max_tokens + 1} tokens.*at most {backbone.max_tokens}"):
            backbone(make_batch(samples((backbone.max_tokens + 1,))))


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_leaves_no_trace(name):
    backbone, batch = build(name).train(), make_batch(samples())
    before = {label: tensor.clone() for label, tensor in backbone.state_dict().items()}
    ids = batch.ids_N.clone()
    pool(backbone(batch), "mean").sum().backward()
    assert torch.equal(batch.ids_N, ids)
    assert all(torch.equal(backbone.state_dict()[label], tensor) for label, tensor in before.items())
    assert np.isfinite(float(sum(p.grad.sum() for p in backbone.parameters() if p.grad is not None)))
