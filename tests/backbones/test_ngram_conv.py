"""The convolution over words: the bag at its start, sees neighbours and no further, never across a gap or a sample."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones.ngram_bag import NgramBag
from headstart.backbones.ngram_conv import NgramConvSpec
from headstart.core.batch import make_batch
from headstart.core.shapes import TokenShape

DOCUMENTS = [[1, 2, 0, 3, 0, 4, 5, 0], [], [6, 0], [2, 0, 2, 7, 0, 1, 0, 9, 0]]


@pytest.fixture
def network():
    """One with every weight at random, as training would leave it."""
    torch.manual_seed(0)
    network = NgramConvSpec(width=16, mlp_width=24, conv_width=20).build(TokenShape(10, 0))
    for linear in (network.conv_in, network.conv_out, network.mlp_out):
        torch.nn.init.normal_(linear.weight, std=0.5)
    for linear in (network.conv_out, network.mlp_out):
        torch.nn.init.normal_(linear.bias, std=0.5)
    return network


def expected(network: NgramConvSpec, words: list[list[int]]) -> torch.Tensor:
    """Return the sum over the words of one document, one word at a time, as the docstring says it."""
    table, zero = network.embedding.weight, torch.zeros(network.width)
    vectors = [table[word].sum(0) if word else zero for word in words]
    scales = [vector.square().mean().sqrt() for vector in vectors]
    normed = [vector / scale if scale > 0 else zero for vector, scale in zip(vectors, scales)]
    total = zero
    for place, (vector, scale) in enumerate(zip(vectors, scales)):
        before = normed[place - 1] if place else zero
        after = normed[place + 1] if place + 1 < len(words) else zero
        weights = zip(network.conv_in.weight.chunk(3), (before, normed[place], after))
        hidden = sum(weight @ vector for weight, vector in weights).relu().square()
        total = total + vector + scale * network.conv_out(hidden)
    return total


@torch.no_grad()
def test_equals_the_formula_word_by_word(network):
    words = [[[1, 2], [3], [4, 5]], [], [[6]], [[2], [2, 7], [1], [9]]]
    found = network.vector_sum(make_batch(DOCUMENTS))
    for row, document in enumerate(words):
        assert torch.allclose(found[row], expected(network, document), atol=1e-4)
    gap = network.vector_sum(make_batch([[1, 0, 0, 2, 0]]))[0]
    assert torch.allclose(gap, expected(network, [[1]]) + expected(network, [[2]]), atol=1e-4)
    cut = network.vector_sum(make_batch([[1, 0, 2], [3, 0]]))  # a window that ends within a word
    assert torch.allclose(cut[0], expected(network, [[1], [2]]), atol=1e-4)
    assert torch.allclose(cut[1], expected(network, [[3]]), atol=1e-4)


@torch.no_grad()
def test_the_order_of_words_counts(network):
    one, two = network(make_batch([[1, 0, 2, 0, 3, 0], [2, 0, 1, 0, 3, 0]])).pooled_BD
    assert (one - two).abs().max() > 1e-2


@torch.no_grad()
def test_starts_as_the_bag():
    conv = NgramConvSpec(width=16, mlp_width=24, conv_width=20).build(TokenShape(10, 0))
    torch.nn.init.normal_(conv.mlp_out.weight)
    bag = NgramBag(10, 0, 16, 24)
    bag.load_state_dict({name: tensor for name, tensor in conv.state_dict().items() if name in bag.state_dict()})
    batch = make_batch(DOCUMENTS)
    assert torch.allclose(conv(batch).pooled_BD, bag(batch).pooled_BD, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gaps_and_unknown_words_give_finite_gradients(network, dtype):
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        pooled = network(make_batch([[0, 0, 0], [0, 1, 0, 0, 2], [], [0]])).pooled_BD
        assert pooled.dtype == torch.float32
    pooled.square().sum().backward()
    for parameters in network.groups():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)
    assert network.embedding.weight.grad[0].abs().max() == 0
