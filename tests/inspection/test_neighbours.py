"""Neighbours: the nearest vectors by hand, own and special tokens left out, for every kind of network."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones.modernbert import ModernBertSpec
from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.backbones.word_vectors import WordVectorsSpec
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.inspection.neighbours import first_vectors, neighbours
from headstart.processors.ngram import NgramSpec
from headstart.processors.word import Words
from headstart.training.pretrained_model import PretrainedModel


def pretrained(spec, tokenizer) -> PretrainedModel:
    torch.manual_seed(0)
    return PretrainedModel(tokenizer, spec, spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)).eval())


def test_the_planted_neighbour_comes_first(reviews):
    tokenizer = Words(least=2).train(iter(reviews))
    network = pretrained(WordVectorsSpec(width=16), tokenizer)
    film, soup = (int(tokenizer.encode([word])[0][0]) for word in ("film", "soup"))
    with torch.no_grad():
        network.backbone.embedding.weight[soup] = 3 * network.backbone.embedding.weight[film]
    found = neighbours(network, "film", 4)
    assert found[0][0] == "soup"
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    everything = [token for token, _ in neighbours(network, "film", 10_000)][: tokenizer.vocabulary - 6]
    assert len(set(everything)) == tokenizer.vocabulary - 6
    assert not {"film", "[CLS]", "[PAD]"} & set(everything)
    with pytest.raises(HeadstartError, match="no token of it"):
        neighbours(network, "unheard", 3)


def test_networks_of_other_kinds(reviews):
    words, grams = Words(least=2).train(iter(reviews)), NgramSpec().train(iter(reviews))
    for spec, tokenizer in (
        (ModernBertSpec(width=16, depth=1, heads=2), words),
        (NgramBagSpec(width=16, mlp_width=16), grams),
    ):
        network = pretrained(spec, tokenizer)
        vectors = first_vectors(network)
        assert vectors.shape == (tokenizer.vocabulary, 16)
        assert abs(vectors.mean(0)).max() < 1e-5
        assert len(neighbours(network, "film actor", 3)) == 3
