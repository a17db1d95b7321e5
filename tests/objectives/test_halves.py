"""Halves: disjoint halves of whole words, a pure function of (seed, epoch, sample), and it learns topics."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.halves import HalvesSpec
from headstart.processors.ngram import NgramSpec, NgramTokenizer
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan


@pytest.fixture
def parts(reviews):
    torch.manual_seed(0)
    tokenizer = NgramSpec().train(reviews)
    backbone = NgramBagSpec(width=32, mlp_width=64).build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
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
        assert sorted(i for i in one + two if i) == sorted(i for i in encoded[sample].tolist() if i)
        for word in set(texts[sample].split()):  # words stay whole
            ids = tokenizer.encode([word])[0][:-1]
            assert _contains(one, ids) or _contains(two, ids)


def _contains(view, word):
    word = tuple(word.tolist())
    return any(view[i : i + len(word)] == word for i in range(len(view) - len(word) + 1))


LETTERS = "abcdefghijklmnop"


@pytest.fixture
def spelled():
    """A tokenizer with one id for each letter word and a phrase for every two of them, and 400 documents of letters."""
    tokenizer = NgramTokenizer([f"<{a}>" for a in LETTERS], phrases=[f"{a} {b}" for a in LETTERS for b in LETTERS])
    order = np.random.default_rng(0)
    texts = [" ".join(order.permutation(list(LETTERS + "?!"))[: order.integers(2, 18)]) for _ in range(400)]
    return tokenizer, texts


def _halves(tokenizer, **settings):
    backbone = NgramBagSpec(width=8, mlp_width=8).build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    return HalvesSpec(projection=8, **settings).build(backbone, tokenizer)


def test_a_phrase_stays_where_both_its_words_are_and_a_mark_where_words_are_missing(spelled):
    tokenizer, texts = spelled
    phrases = gaps = 0
    for together in (0.0, 0.7):
        views = _halves(tokenizer, together=together).corrupt(make_batch(tokenizer.encode(texts)), KeyedRandom(3, 0))
        samples, split = views.sample_B.tolist(), _words(views)
        for half, other in zip(range(len(split) // 2), range(len(split) // 2, len(split))):
            for view, hidden in ((split[half], split[other]), (split[other], split[half])):
                words = texts[samples[half]].split()
                own = [tokenizer.token(i)[1] for i in view if 0 < i < tokenizer.phrase_id]
                taken = {tokenizer.token(i)[1] for i in hidden if 0 < i < tokenizer.phrase_id}
                told = {word for i in view if i >= tokenizer.phrase_id for word in tokenizer.token(i).split()}
                assert not told & taken
                assert not set(own) & taken
                assert len(own) + len(taken) == len(set(words) - {"?", "!"})
                spoken = [f"{a} {b}" for a, b in itertools.pairwise(words) if a in own and b in own]
                assert [tokenizer.token(i) for i in view if i >= tokenizer.phrase_id] == spoken
                phrases += len(spoken)
                parts = tokenizer.decode(view).split(" | ")
                assert [part[1] for part in parts] == own
                # Words that stand side by side in the view are neighbours in the document, or a mark lies between.
                written = " ".join(map(tokenizer.token, view)).replace("[W]", "|").split("|")
                for before, after in itertools.pairwise(written):
                    if before.strip() and after.strip():
                        places = [words.index(part.strip()[1]) for part in (before, after)]
                        assert places[1] == places[0] + 1
                    else:
                        gaps += 1
    assert phrases > 500
    assert gaps > 500


def test_a_cut_document_tells_no_word_of_the_window_before(spelled):
    tokenizer, _ = spelled
    ids = tokenizer.encode(["a b c d e f g h"])[0]
    phrase = int(np.flatnonzero(ids >= tokenizer.phrase_id)[1])
    for cut, seed in itertools.product((phrase - 1, phrase, phrase + 1), range(9)):  # the word, its phrase, its mark
        views = _halves(tokenizer).corrupt(make_batch([ids[cut:]]), KeyedRandom(seed, 0))
        told = {word for view in _words(views) for i in view if i for word in tokenizer.token(i).split()}
        assert not told & {"a", "b", "<a>", "<b>"}


def test_words_go_together_as_often_as_asked(spelled):
    tokenizer, _ = spelled
    batch = make_batch(tokenizer.encode([" ".join(LETTERS)] * 2000))
    for together in (0.0, 0.7):
        objective = _halves(tokenizer, together=together, least_share=0.5)
        row_W = objective._words(batch).row_W
        coin_WL = objective._coins(batch.sample_B.numpy(), row_W, KeyedRandom(1)).reshape(-1, len(LETTERS))
        assert abs(coin_WL.mean() - 0.5) < 0.02
        assert abs((coin_WL[:, 1:] == coin_WL[:, :-1]).mean() - (0.5 + together / 2)) < 0.01
    for wrong in (-0.1, 1.0):
        with pytest.raises(HeadstartError, match="together"):
            HalvesSpec(together=wrong)


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
    plan = TrainPlan(steps=60, learning_rate=3e-3, dtype="fp32")
    result = fit(start_state(objective, backbone, plan), Source(), plan)
    with torch.no_grad():
        after = objective(backbone, views)
    assert float(after.total) / after.count < float(before.total.detach()) / before.count - 0.5
    assert math.isfinite(result.loss)
