"""Two banks: vectors without context score exactly .5, sums equal a plain count, intervals hold what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.backbones.modernbert import ModernBertSpec
from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.backbones.word_vectors import WordVectorsSpec
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.inspection.occurrences import Occurrence, read_occurrences
from headstart.inspection.senses import _score, _wins, score_senses, token_vectors
from headstart.processors.ngram import NgramSpec
from headstart.processors.word import Words
from headstart.processors.wordpiece import WordPiece
from headstart.training.pretrained_model import PretrainedModel


def pretrained(spec, tokenizer) -> PretrainedModel:
    torch.manual_seed(0)
    return PretrainedModel(tokenizer, spec, spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)).eval())


@pytest.fixture(scope="module")
def tokenizer():
    return WordPiece().train(iter([item.text for item in read_occurrences()] * 3))


def test_static_vectors_score_exactly_one_half(tokenizer):
    found = score_senses(pretrained(WordVectorsSpec(width=16), tokenizer), read_occurrences())
    assert [(s.auc, s.low, s.high) for s in found.scores] == [(0.5, 0.5, 0.5)]
    assert set(found.scores[0].by_word.values()) == {0.5}
    assert found.used + found.left_out == 80
    assert found.used >= 60


def test_what_is_cut_in_another_way_is_not_compared():
    texts = {
        "ship": ["그 배를 본다", "저 배가 온다", "이 배를 산다"],
        "pear": ["큰 배가 달다", "단 배를 먹자", "내 배는 없다"],
    }
    items = [Occurrence("배", sense, text, 2, 3) for sense, some in texts.items() for text in some]
    words = Words(least=1).train(iter(text for some in texts.values() for text in some))
    found = score_senses(pretrained(WordVectorsSpec(width=8), words), items)
    assert [(s.auc, s.low, s.high) for s in found.scores] == [(0.5, 0.5, 0.5)]
    assert (found.used, found.left_out) == (3, 3)  # there are not two of a sense with the tokens 배가, 배는


def test_only_layers_with_context_leave_one_half(tokenizer):
    network = pretrained(ModernBertSpec(width=32, depth=2, heads=2), tokenizer)
    scores = score_senses(network, read_occurrences()).scores
    assert [score.layer for score in scores] == [0, 1, 2]
    assert (scores[0].auc, scores[0].low, scores[0].high) == (0.5, 0.5, 0.5)
    for score in scores[1:]:
        assert score.low < score.auc < score.high
        assert len(set(score.by_word.values())) > 5
    assert score_senses(network, read_occurrences()).scores == scores


def test_the_vectors_are_those_of_the_words_own_tokens(tokenizer):
    network = pretrained(WordVectorsSpec(width=16), tokenizer)
    items = [Occurrence("bank", "a", "the bank", 4, 8), Occurrence("bankxq", "a", "a bankxq by", 2, 8)]
    vectors, tokens = token_vectors(network, items)
    for item, row, ids in zip(items, vectors[0], tokens):
        assert list(ids) == tokenizer.encode([item.word])[0].tolist()
        expected = network.backbone.embedding.weight.detach()[list(ids)].double().mean(0).numpy()
        assert np.abs(row - expected).max() < 1e-12
    long = Occurrence("bank", "a", "the " * 80 + "bank", 320, 324)
    short = ModernBertSpec(width=32, depth=1, heads=2, max_tokens=64)
    assert token_vectors(pretrained(short, tokenizer), [long])[1] == [()]  # cut off, and said so


def test_comparisons_equal_a_plain_count():
    random = np.random.default_rng(0)
    vectors, senses = random.normal(size=(7, 3)), np.array([0, 1, 0, 2, 1, 0, 2])
    vectors[3] = vectors[0] + 1e-9  # ties
    weights = random.integers(0, 3, (4, 7)).astype(float)
    won, possible = _wins(vectors, senses, weights)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for round_, weight in enumerate(weights):
        drawn = [n for n in range(7) for _ in range(int(weight[n]))]
        pairs = [(a, b) for i, a in enumerate(drawn) for b in drawn[i + 1 :] if a != b]
        same = [round(float(unit[a] @ unit[b]), 6) for a, b in pairs if senses[a] == senses[b]]
        other = [round(float(unit[a] @ unit[b]), 6) for a, b in pairs if senses[a] != senses[b]]
        assert possible[round_] == len(same) * len(other)
        assert won[round_] == sum((s > o) + (s == o) / 2 for s in same for o in other)


def made(seed: int, words: int, shift: float = 0.9, each: int = 8):
    """Return vectors of `words` words with two senses apart by a shift that differs by word."""
    random = np.random.default_rng(seed)
    centre = random.normal(size=(words, 1, 4)) * shift
    senses = np.tile(np.repeat([0, 1], each), words)
    sign = np.where(np.arange(2 * each) < each, 1.0, -1.0)[None, :, None]
    vectors = (centre * sign + random.normal(size=(words, 2 * each, 4))).reshape(-1, 4)
    groups = {str(word): [np.arange(2 * each) + word * 2 * each] for word in range(words)}
    return vectors, groups, senses


def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = _score(0, *made(999, 300), 0).auc
    inside = 0
    for seed in range(40):
        score = _score(0, *made(seed, 12), seed)
        inside += score.low <= truth <= score.high
    assert 0.6 < truth < 0.9
    assert inside >= 35  # 95 % of 40 is 38


def test_senses_far_apart_score_one():
    vectors, groups, senses = made(0, 5, shift=60.0)
    assert _score(0, vectors, groups, senses, 0).auc == 1.0


def test_refusals(tokenizer, reviews):
    bag = pretrained(NgramBagSpec(width=16, mlp_width=16), NgramSpec().train(iter(reviews)))
    with pytest.raises(HeadstartError, match="ngram_bag has no vectors of words"):
        score_senses(bag, read_occurrences())
    with pytest.raises(HeadstartError, match="no word has two occurrences"):
        score_senses(pretrained(WordVectorsSpec(width=16), tokenizer), read_occurrences()[:4])
