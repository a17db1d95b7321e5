"""Halves: disjoint halves of whole words, a pure function of (seed, epoch, sample), and it learns topics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.base.batch import make_batch
from headstart.base.seeds import KeyedRandom
from headstart.objectives.halves import HalvesSpec
from headstart.text.ngram import NgramSpec
from headstart.training.loop import fit
from headstart.training.plan import TrainPlan


@pytest.fixture
def parts(reviews):
    torch.manual_seed(0)
    tokenizer = NgramSpec().train(reviews)
    backbone = NgramBagSpec(width=32, mlp_width=64).build(tokenizer.vocabulary, tokenizer.pad_id)
    return tokenizer, backbone, HalvesSpec(projection=32).build(backbone, tokenizer)


def _words(batch):
    return [tuple(part.tolist()) for part in torch.split(batch.ids_N, batch.lengths_B.tolist())]


def test_views_share_nothing_and_lose_nothing(parts, reviews):
    tokenizer, _, objective = parts
    texts = ["one two three", *reviews[:50], ""]
    encoded = tokenizer.encode(texts)
    views = objective.corrupt(make_batch(encoded), KeyedRandom(1, 0))
    kept = views.sample_B.tolist()[: views.size // 2]
    assert views.sample_B.tolist() == kept * 2
    assert 0 not in kept  # too short
    assert len(texts) - 1 not in kept  # empty
    assert len(kept) > 30
    split = _words(views)
    for number, sample in enumerate(kept):
        one, two = split[number], split[number + len(kept)]
        assert one
        assert two
        assert sorted(one + two) == sorted(i for i in encoded[sample].tolist() if i != 0)
        for word in set(texts[sample].split()):  # words stay whole
            ids = tokenizer.encode([word])[0][:-1]
            assert _contains(one, ids) or _contains(two, ids)


def _contains(view, word):
    word = tuple(word.tolist())
    return any(view[i : i + len(word)] == word for i in range(len(view) - len(word) + 1))


def test_pure_function_of_seed_epoch_sample(parts, reviews):
    tokenizer, _, objective = parts
    encoded = tokenizer.encode(reviews[:40])
    whole = _words(objective.corrupt(make_batch(encoded), KeyedRandom(1, 0)))
    kept = objective.corrupt(make_batch(encoded), KeyedRandom(1, 0)).sample_B.tolist()
    sample = kept[7]
    alone = _words(objective.corrupt(make_batch([encoded[sample]], samples=[sample]), KeyedRandom(1, 0)))
    assert alone[0] == whole[7]
    assert whole != _words(objective.corrupt(make_batch(encoded), KeyedRandom(1, 1)))
    assert whole != _words(objective.corrupt(make_batch(encoded), KeyedRandom(2, 0)))


def test_any_tokenizer_with_specials_in_both_views(parts):
    objective = parts[2]
    objective.word_end_id, objective.special_ids = -1, np.array([2, 3])
    batch = make_batch([[2, 10, 11, 12, 13, 3], [2, 10, 3]])
    views = _words(objective.corrupt(batch, KeyedRandom(0, 0)))
    assert len(views) == 2  # the second sample is too short
    assert all(view[0] == 2 and view[-1] == 3 and len(view) > 2 for view in views)
    assert sorted(i for view in views for i in view if i >= 10) == [10, 11, 12, 13]


def test_nothing_to_tell_apart_counts_nothing(parts):
    _, backbone, objective = parts
    batch = objective.corrupt(make_batch([[1, 0, 2, 0]]), KeyedRandom(0, 0))
    assert objective(backbone, batch).count == 0


def test_chance_at_the_start_learns_after_it(parts, reviews):
    tokenizer, backbone, objective = parts
    encoded = tokenizer.encode(reviews)

    class Source:
        def at(self, number):
            return replace(make_batch(encoded), epoch=number)

    views = objective.corrupt(make_batch(encoded), KeyedRandom(5, 0))
    before = objective(backbone, views)
    assert before.count == views.size
    result = fit(objective, backbone, Source(), TrainPlan(steps=60, rate=3e-3, dtype="fp32"))
    with torch.no_grad():
        after = objective(backbone, views)
    assert float(after.total) / after.count < float(before.total.detach()) / before.count - 0.5
    assert math.isfinite(result.loss)
