"""training/first_weights: what an untrained network knows of its text, and that held-out text is not counted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from headstart.core import registry
from headstart.data.store import HeldOutSplit, memory_store
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.training.first_weights import FirstWeights, first_weights
from headstart.training.make_network import make_network
from headstart.training.prepare import build_parts
from headstart.training.scoring import evaluate


def run_of(backbone: str, *settings: str):
    """Return a small causal run; its corpus is not read here."""
    facts = Facts({"paths": ["none.txt"], "unit": "line"}, None, 10)
    recipe, _ = choose_recipe("causal", facts, {"llama": "causal", "gpt2": "gpt2"}[backbone])
    return recipe.resolve(facts).override(["backbone.width=32", "backbone.depth=2", "backbone.heads=2", *settings])


@pytest.fixture
def made(reviews):
    """(processor, store, split) of the reviews, every fifth of which is held out."""
    processor = registry.load("processor", "bpe")(vocabulary=400).train(iter(reviews))
    store = memory_store(processor, processor.encode(reviews))
    held = np.arange(len(reviews)) % 5 == 0
    return processor, store, HeldOutSplit(np.flatnonzero(~held), np.flatnonzero(held))


def held_out_loss(spec, made, first) -> float:
    processor, store, split = made
    backbone, objective = build_parts(spec, processor, first)
    batches = store.batches(split.held_out, processor, spec.batches, 0).epoch()
    return evaluate(make_network(objective, backbone, spec.training), batches, 0, torch.float32)[0]


def test_an_untrained_network_is_nearly_a_bigram_model(made):
    processor, store, split = made
    spec = run_of("llama")
    first = first_weights("causal", store, split, processor)
    plain, begun = held_out_loss(spec, made, None), held_out_loss(spec, made, first)
    tied = held_out_loss(run_of("llama", "backbone.tied=true"), made, first)
    assert plain == pytest.approx(math.log(processor.vocabulary), abs=0.1)
    assert tied == pytest.approx(plain, abs=0.1)  # one matrix for both has no place for what follows what
    count_V = first.count_V + 0.5
    share_V = count_V / count_V.sum()
    unigram = -float((share_V * share_V.log()).sum())
    assert begun < unigram - 0.5


def test_gpt2_has_no_place_for_it_and_begins_as_ever(made):
    processor, store, split = made
    spec = run_of("gpt2")
    first = first_weights("causal", store, split, processor)
    assert held_out_loss(spec, made, first) == held_out_loss(spec, made, None)


def test_pairs_are_those_of_the_documents_that_are_trained_on(made):
    processor, store, split = made
    wanted = np.zeros((processor.vocabulary, processor.vocabulary))
    for document in split.train:
        ids = store.ids[store.offsets[document] : store.offsets[document + 1]].astype(np.int64)
        whole = [processor.cls_id, *ids, processor.sep_id]
        for before, after in itertools.pairwise(whole):
            wanted[before, after] += 1
    found = store.pairs(split.train, processor.vocabulary, processor.cls_id, processor.sep_id)
    assert np.array_equal(found.toarray(), wanted)
    bare = store.pairs(split.train, processor.vocabulary, -1, -1)
    wanted[processor.cls_id], wanted[:, processor.sep_id] = 0, 0
    assert np.array_equal(bare.toarray(), wanted)


def test_of_one_long_text_the_beginning_is_counted(made, monkeypatch):
    processor, store, _ = made
    whole = memory_store(processor, [np.asarray(store.ids)])
    monkeypatch.setattr("headstart.data.token_store._PAIRED", 50)
    found = whole.pairs(np.array([0]), processor.vocabulary, -1, -1)
    assert found.sum() == 49


@pytest.mark.parametrize("objective", ["causal", "mlm"])
def test_where_no_token_follows_another_a_network_begins_at_random(made, objective):
    processor, _, _ = made
    single = memory_store(processor, [np.array([7]), np.array([8])])
    none = single.pairs(np.arange(2), processor.vocabulary, -1, -1)
    assert none.nnz == 0
    facts = Facts({"paths": ["none.txt"], "unit": "line"}, None, 10)
    spec = choose_recipe(objective, facts)[0].resolve(facts)
    backbone, _ = build_parts(spec, processor, FirstWeights(torch.ones(processor.vocabulary).double(), lambda: none))
    plain, _ = build_parts(spec, processor, None)
    assert all(torch.equal(one, two) for one, two in zip(backbone.parameters(), plain.parameters(), strict=True))
    assert all(torch.isfinite(one).all() for one in backbone.parameters())


@pytest.mark.parametrize("objective", ["causal", "mlm"])
def test_few_pairs_give_finite_weights(made, objective):
    processor, _, _ = made
    single = memory_store(processor, [np.array([7, 8]), np.array([9])])
    first = first_weights("causal", single, HeldOutSplit(np.arange(2), np.arange(0)), processor)
    facts = Facts({"paths": ["none.txt"], "unit": "line"}, None, 10)
    backbone, head = build_parts(choose_recipe(objective, facts)[0].resolve(facts), processor, first)
    assert all(torch.isfinite(one).all() for one in [*backbone.parameters(), *head.parameters()])
