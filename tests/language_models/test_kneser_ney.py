"""Kneser-Ney equals a plain twin made of dictionaries, its chances sum to one, and it beats what knows less."""

from __future__ import annotations

import gzip
import math
import unicodedata
from collections import Counter, defaultdict

import numpy as np
import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.language_models.kneser_ney import KneserNey, control, discounts

V = 9


def texts(count: int = 60, seed: int = 0) -> list[np.ndarray]:
    """Return documents of a chain in which a token leans on the two before it; token 8 never occurs."""
    random = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        ids = [0, 1]
        for _ in range(random.integers(0, 30)):
            ids.append(int((ids[-1] + ids[-2] + random.integers(0, 3)) % 8))
        out.append(np.array(ids[2:], np.int64))
    return out


class Twin:
    """The formulas of the paper, one dictionary per order, one token at a time."""

    def __init__(self, documents, vocabulary, order):
        self.v, self.n = vocabulary, order
        self.counts = [None] * (order + 1)
        top = Counter()
        for document in documents:
            padded = [-1] * (order - 1) + document.tolist()
            top.update(tuple(padded[i : i + order]) for i in range(len(document)))
        self.counts[order] = top
        for k in range(order - 1, 0, -1):
            self.counts[k] = Counter(gram[1:] for gram in self.counts[k + 1])  # each gram once: its left neighbours
        self.after = [defaultdict(dict) for _ in range(order + 1)]
        for k in range(1, order + 1):
            for gram, count in self.counts[k].items():
                self.after[k][gram[:-1]][gram[-1]] = count
        self.d = [None] + [discounts(np.array(list(self.counts[k].values()))) for k in range(1, order + 1)]

    def chance(self, context, token):
        if len(context) == 0:
            lower = 1 / self.v
        else:
            lower = self.chance(context[1:], token)
        k = len(context) + 1
        seen = self.after[k].get(context)
        if not seen:
            return lower
        d, total = self.d[k], sum(seen.values())
        count = seen.get(token, 0)
        rest = sum(d[min(c, 3)] for c in seen.values())
        return (count - d[min(count, 3)]) / total + rest / total * lower

    def log(self, document):
        padded = (-1,) * (self.n - 1) + tuple(document.tolist())
        pairs = [(padded[i : i + self.n - 1], padded[i + self.n - 1]) for i in range(len(document))]
        return [math.log(self.chance(context, token)) for context, token in pairs]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_equals_the_plain_twin(order):
    train, test = texts(), [*texts(10, seed=1), np.array([8, 8, 0, 8], np.int64), np.zeros(0, np.int64)]
    fast, slow = KneserNey(train, V, order), Twin(train, V, order)
    expected = np.concatenate([slow.log(document) for document in test])
    assert np.abs(fast.log_probabilities(test) - expected).max() < 1e-12
    alone = np.concatenate([fast.log_probabilities([document]) for document in test])
    assert np.array_equal(alone, fast.log_probabilities(test))


@pytest.mark.parametrize("order", [1, 3, 6])
def test_chances_sum_to_one_after_any_context(order):
    model = KneserNey(texts(), V, order)
    random = np.random.default_rng(3)
    contexts = [random.integers(0, V, random.integers(0, 8)) for _ in range(40)] + [d[:6] for d in texts(20)]
    for context in contexts:
        ends = [np.append(context, token) for token in range(V)]
        last = np.cumsum([len(end) for end in ends]) - 1
        chances = np.exp(model.log_probabilities(ends)[last])
        assert abs(chances.sum() - 1) < 1e-12
        assert chances.min() > 0


def test_more_context_helps_where_there_is_something_to_know():
    test = texts(30, seed=9)
    nats = [-KneserNey(texts(400), V, order).log_probabilities(test).mean() for order in (1, 2, 3)]
    assert nats[0] > nats[1] + 0.05
    assert nats[1] > nats[2] + 0.3
    assert abs(nats[2] - math.log(3)) < 0.1  # what the chain leaves open


def test_discounts_follow_the_formula():
    counts = np.repeat([1, 2, 3, 4, 7], [40, 18, 9, 5, 3])
    share = 40 / (40 + 2 * 18)
    expected = (0.0, 1 - 2 * share * 18 / 40, 2 - 3 * share * 9 / 18, 3 - 4 * share * 5 / 9)
    assert discounts(counts) == pytest.approx(expected)
    assert discounts(np.array([5, 6, 7])) == (0.0, 0.5, 1.0, 1.5)
    assert discounts(np.repeat([1, 2, 3, 4], [40, 18, 9, 50]))[3] == 1.5  # the formula says -8.7


def test_refusals():
    for documents, order, said in (
        (texts(), 0, "order=0"),
        ([], 2, "no token"),
        ([np.array([V])], 2, "no token"),
        ([np.array([0, V + 1])], 2, "expected 0 to 8"),
        ([np.array([-1])], 2, "expected"),
    ):
        with pytest.raises(HeadstartError, match=said):
            KneserNey(documents, V, order)


def test_the_control_scores_every_byte():
    train = ["abra cadabra"] * 30
    tokenizer = registry.load("processor", "byte")().train(iter(train))
    score = control(tokenizer, train, ["abra cadabra", unicodedata.normalize("NFD", "가나"), ""], order=4)
    assert score.bytes_D.tolist() == score.tokens_D.tolist() == [12, 6]
    assert score.nats_D[0] < 2.0 < 10.0 < score.nats_D[1]
    assert score.bits_per_byte == pytest.approx(score.nats_D.sum() / math.log(2) / 18)
    model = KneserNey([np.append(tokenizer.encode(train[:1])[0], tokenizer.sep_id)] * 30, tokenizer.vocabulary, 4)
    assert score.nats_D[0] == pytest.approx(-model.log_probabilities(tokenizer.encode(train[:1])).sum())
    assert control(tokenizer, train, ["abra"], order=4, most=30).trained == 30
    with pytest.raises(HeadstartError, match="no text to score"):
        control(tokenizer, train, [])


def test_on_tiny_shakespeare(shared_data):
    """The customary split; characters reach 1.561 nats at order 5, 2.484 at order 2."""
    with gzip.open(shared_data / "tiny_shakespeare/input.txt.gz", "rt", encoding="utf-8") as stream:
        text = stream.read()
    cut = int(0.9 * len(text))
    letters = {letter: number for number, letter in enumerate(sorted(set(text)))}
    ids = np.array([letters[letter] for letter in text], np.int64)
    nats = -KneserNey([ids[:cut]], len(letters), 5).log_probabilities([ids[cut:]]).mean()
    assert abs(nats - 1.5612) < 1e-3
