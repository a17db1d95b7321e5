"""Neighbours before and after training: unchanged, lost, and half way between."""

from __future__ import annotations

import numpy as np
import torch

from headstart.core import registry
from headstart.core.shapes import TokenShape
from headstart.training.vector_check import FEWEST, VectorCheck, between, copied

WIDTH = 16


def parts(documents):
    """Return (a small bag encoder, one batch of random texts)."""
    words = [f"w{number}" for number in range(40)]
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(words, 6)) for _ in range(documents)]
    processor = registry.load("processor", "word")().train(texts, None)
    backbone = registry.load("backbone", "bert")(width=WIDTH, depth=1, heads=2).build(
        TokenShape(processor.vocabulary, processor.pad_id)
    )
    return backbone, processor.collate(processor.encode(texts), samples=np.arange(documents))


def test_unchanged_weights_keep_every_neighbour_and_new_ones_hardly_any():
    torch.manual_seed(0)
    backbone, batch = parts(3 * FEWEST)
    check = VectorCheck(backbone, [batch])
    assert check.agreement(backbone) == 1.0
    start = copied(backbone)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.copy_(torch.randn_like(parameter))
    lost = check.agreement(backbone)
    assert lost < 0.5
    trained = copied(backbone)
    backbone.load_state_dict(between(start, trained, 0.1))
    assert lost < check.agreement(backbone) <= 1.0
    backbone.load_state_dict(between(start, trained, 0.0))
    assert check.agreement(backbone) == 1.0


def test_too_few_items_are_not_judged():
    backbone, batch = parts(FEWEST - 1)
    assert VectorCheck(backbone, [batch]).near_NK is None


def test_whole_numbers_are_not_interpolated():
    start, trained = {"a": torch.zeros(2), "n": torch.tensor(3)}, {"a": torch.ones(2), "n": torch.tensor(8)}
    found = between(start, trained, 0.25)
    assert found["a"].tolist() == [0.25, 0.25]
    assert found["n"] == 8
