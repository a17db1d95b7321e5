"""Answers as SQuAD 2.0 scores them: cases worked out by hand and an independent plain twin of the evaluation."""

from __future__ import annotations

import random
import re
import string
from collections import Counter

import pytest

from headstart.metrics.answer_f1 import AnswerF1, normal_tokens
from headstart.metrics.exact_match import ExactMatch

CASES = [  # right answers, prediction, exact, F1
    (("Denver Broncos",), "the Denver Broncos!", 1, 1),
    (("Denver Broncos",), "Broncos", 0, 2 / 3),
    (("Denver Broncos", "Broncos"), "Broncos", 1, 1),
    (("a cat and a dog",), "cat, dog", 0, 4 / 5),
    (("well-known",), "wellknown", 1, 1),  # punctuation goes without a blank
    (("well known",), "well-known", 0, 0),
    (("10 10 11",), "10 11 11", 0, 4 / 6),  # words are bags
    ((), "", 1, 1),
    ((), "the", 1, 1),  # nothing is left of it
    ((), "something", 0, 0),
    (("something",), "", 0, 0),
    (("The", "..."), "", 1, 1),  # no right answer is left, so that there is none
    (("The", "end"), "", 0, 0),
    (("  A  theatre\tan  anthem ",), "theatre anthem", 1, 1),
    (("서울특별시 종로구",), "종로구", 0, 2 / 3),
    (("서울특별시 종로구",), "서울특별시  종로구.", 1, 1),
    (("서울",), "서울은", 0, 0),  # whole words, in Korean too
    (("“서울”",), "서울", 0, 0),  # only ASCII punctuation goes
]


@pytest.mark.parametrize(("right", "said", "exact", "f1"), CASES)
def test_by_hand(right, said, exact, f1):
    assert ExactMatch().score([right], [said]) == exact
    assert AnswerF1().score([right], [said]) == pytest.approx(f1, abs=1e-15)


def test_means_and_weights():
    right, said = [row[0] for row in CASES], [row[1] for row in CASES]
    assert ExactMatch().score(right, said) == pytest.approx(sum(row[2] for row in CASES) / len(CASES))
    weight = range(1, len(CASES) + 1)
    expected = sum(w * row[3] for w, row in zip(weight, CASES, strict=True)) / sum(weight)
    assert AnswerF1().score(right, said, weight) == pytest.approx(expected)


def twin_normalise(text):
    text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text).split())


def twin(right, said):
    """Return (exact, F1) of one question the way the official evaluation goes about it."""
    golds = [gold for gold in right if twin_normalise(gold)] or [""]
    exact, best = 0, 0.0
    for gold in golds:
        exact = max(exact, int(twin_normalise(gold) == twin_normalise(said)))
        gold_words, said_words = twin_normalise(gold).split(), twin_normalise(said).split()
        same = sum((Counter(gold_words) & Counter(said_words)).values())
        if not gold_words or not said_words:
            f1 = float(gold_words == said_words)
        elif same == 0:
            f1 = 0.0
        else:
            precision, recall = same / len(said_words), same / len(gold_words)
            f1 = 2 * precision * recall / (precision + recall)
        best = max(best, f1)
    return exact, best


def test_equals_the_twin_on_random_texts():
    source = random.Random(0)
    pieces = ["the", "The", "a", "An", "red", "Fox", "fox's", "--", "'", "1,000", "서울", "서울.", "\t", "İ", "the_end"]
    for _ in range(3000):
        texts = ["".join(source.choices([*pieces, " ", " "], k=source.randint(0, 9))) for _ in range(4)]
        right, said = tuple(texts[: source.randint(0, 3)]), texts[3]
        exact, f1 = twin(right, said)
        assert ExactMatch().score([right], [said]) == exact
        assert AnswerF1().score([right], [said]) == pytest.approx(f1, abs=1e-12)
        assert normal_tokens(said) == twin_normalise(said).split()
