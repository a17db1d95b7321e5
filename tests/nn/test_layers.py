"""Layers: both attention kernels agree, maps are what they say, padding is invisible, rotary turns, gates gate."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.nn.attention import SelfAttention, attend, explicit, explicit_wins
from headstart.nn.chunked_cross_entropy import score_words, score_words_plainly
from headstart.nn.mlp import MLP, GatedMLP, activation
from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout


def heads(length: int, size: int = 8):
    torch.manual_seed(length)
    return [torch.randn(2, 3, length, size, dtype=torch.float64, requires_grad=True) for _ in range(3)]


def layout(*lengths: int) -> Layout:
    return Layout(make_batch([list(range(length)) for length in lengths]))


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("length", [1, 5, 33])
def test_both_kernels_agree_with_gradients(length, window):
    bias = layout(length, max(1, length // 2)).bias(torch.float64, window)
    results = []
    for maps in (False, True):
        parts = heads(length)
        out = attend(*parts, bias, maps=maps)
        assert (out.map_BHTT is not None) == maps
        out.output.square().sum().backward()
        results.append([out.output, *(part.grad for part in parts)])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-10)


@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("length", [1, 5, 33])
def test_reading_without_gradients_in_half_precision_agrees(length, window):
    bias = layout(length, max(1, length // 2)).bias(torch.bfloat16, window)
    for some in (bias, None):
        parts = [part.detach().bfloat16() for part in heads(length)]
        expected = explicit(*parts, some).output.float()
        with torch.no_grad():
            found = attend(*parts, some)
            scaled = attend(*parts, some, scale=0.3).output.float()
        assert found.map_BHTT is None
        assert torch.allclose(found.output.float(), expected, atol=0.03)
        assert torch.allclose(scaled, explicit(*parts, some, 0.3).output.float(), atol=0.03)


def test_the_dispatch_is_the_measured_one():
    query = torch.zeros(1, 1, 4, 4)
    assert not explicit_wins(query)
    assert explicit_wins(query.bfloat16())
    assert attend(*[query.bfloat16()] * 3, None).map_BHTT is None  # what was not asked for is not made ready


def test_a_map_times_the_values_is_the_output():
    query, key, value = heads(9)
    bias = layout(9, 4).bias(torch.float64)
    out = explicit(query, key, value, bias)
    assert torch.allclose(out.map_BHTT.sum(-1), torch.ones(2, 3, 9, dtype=torch.float64))
    assert (out.map_BHTT[1, :, :, 4:] == 0).all()
    assert torch.allclose(out.map_BHTT @ value, F.scaled_dot_product_attention(query, key, value, attn_mask=bias))


@pytest.mark.parametrize("window", [None, 1])
def test_samples_do_not_see_each_other_or_their_padding(window):
    torch.manual_seed(0)
    module = SelfAttention(16, 4, bias=True).double()
    hidden = torch.randn(12, 16, dtype=torch.float64)
    whole = layout(7, 3, 2)
    together = module(hidden, whole, whole.bias(torch.float64, window)).output
    for start, length in ((0, 7), (7, 3), (10, 2)):
        single = layout(length)
        alone = module(hidden[start : start + length], single, single.bias(torch.float64, window)).output
        assert torch.allclose(together[start : start + length], alone, atol=1e-12)


def test_a_window_hides_what_lies_farther():
    bias = layout(6).bias(torch.float32, 2)[0, 0]
    position = torch.arange(6)
    assert torch.equal(bias == 0, (position[:, None] - position).abs() <= 2)
    assert layout(6).bias(torch.float32) is None
    assert layout(3).bias(torch.float32, 2) is None


def test_padding_and_unpadding_are_inverse_and_each_others_gradient():
    where = layout(4, 1, 3)
    values = torch.randn(8, 5, dtype=torch.float64, requires_grad=True)
    assert torch.equal(where.unpad(where.pad(values)), values)
    assert torch.equal(where.pad(values)[where.mask_BT], values)
    assert torch.autograd.gradcheck(where.pad, (values,))
    padded = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(where.unpad, (padded,))


@pytest.mark.parametrize("targets", [0, 1, 256, 600])
def test_chunked_cross_entropy_equals_its_plain_twin_with_gradients(targets):
    results = []
    for score in (score_words, score_words_plainly):
        torch.manual_seed(0)
        hidden, words, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((targets, 6), (40, 6), (40,)))
        for part in (hidden, words, bias):
            part.requires_grad_()
        scored = score(hidden, words, bias, torch.randint(0, 40, (targets,)))
        (scored.total * 0.3).backward()
        results.append([scored.total, scored.right, hidden.grad, words.grad, bias.grad])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_chunked_cross_entropy_survives_huge_logits():
    hidden = torch.full((3, 2), 1e4, requires_grad=True)
    scored = score_words(hidden, torch.eye(2), torch.zeros(2), torch.tensor([0, 1, 1]))
    assert torch.isfinite(scored.total)
    assert scored.right == 3


def test_rotary_scores_depend_on_distance_only_and_keep_length():
    rotary = Rotary(12, 8, 100.0, torch.device("cpu"))
    query, key = torch.randn(8), torch.randn(8)
    turned = [rotary(x.expand(1, 12, 1, 1, 8))[0, :, 0, 0] for x in (query, key)]
    scores = turned[0] @ turned[1].T
    for distance in range(-5, 6):
        diagonal = scores.diagonal(distance)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4)
    assert torch.allclose(turned[0].norm(dim=-1), query.norm().expand(12), atol=1e-5)
    assert torch.equal(turned[0][0], query)


def test_networks_compute_their_formula():
    x = torch.randn(3, 6)
    plain, gated = MLP(6, 10), GatedMLP(6, 10)
    assert torch.allclose(plain(x), plain.down(F.gelu(plain.up(x))))
    up = gated.up(x)
    assert torch.allclose(gated(x), gated.down(F.gelu(up[:, :10]) * up[:, 10:]))
    with pytest.raises(HeadstartError, match="did you mean 'relu'"):
        activation("relv")
