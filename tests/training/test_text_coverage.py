"""Texts that a base cannot read are told from those it can, by n-grams, unknown tokens and spelt words."""

from __future__ import annotations

import pytest

from headstart.core import registry
from headstart.training import coverage
from headstart.training.coverage import SPELT, UNKNOWN, UNSEEN, unread

ENGLISH = [f"the film number {a} was a {b} story about people and their houses" for a in range(9) for b in "abcdefgh"]
OTHER_ENGLISH = [f"people told a story number {a} about the {b} houses" for a in range(9) for b in "qrst"]
KOREAN = [f"이 영화는 정말 재미있어요 {a} 다시 보고 싶습니다 {b}" for a in range(9) for b in "가나다라마"]


def made(kind):
    return registry.load("processor", kind)().train(ENGLISH, None)


@pytest.mark.parametrize(("kind", "said", "least"), [("ngram", "unseen", UNSEEN), ("wordpiece", "unknown", UNKNOWN)])
def test_another_language_is_told_and_the_same_is_not(kind, said, least):
    processor = made(kind)
    found = unread(processor, KOREAN)
    assert found.kind == said
    assert least <= found.share <= 1
    assert unread(processor, ENGLISH) is None
    assert unread(processor, OTHER_ENGLISH) is None


def test_the_share_of_unseen_ngrams_is_counted():
    processor = registry.load("processor", "ngram")(smallest=2, largest=2).train(["ab ab"], None)
    assert processor.unseen(["ab"]) == 0  # <a ab b>
    assert processor.unseen(["ac"]) == pytest.approx(2 / 3)  # ac and c> were never seen
    assert processor.unseen([""]) == 0


def test_a_vocabulary_of_words_that_spells_is_told_and_letters_are_not(monkeypatch):
    monkeypatch.setattr(coverage, "_WORDS", 100)  # of tests; a real vocabulary has thousands
    spelling = made("bpe")
    assert spelling.vocabulary > 100
    assert unread(spelling, KOREAN).kind == "spelt"
    assert unread(spelling, KOREAN).share >= SPELT
    assert unread(spelling, OTHER_ENGLISH) is None
    assert unread(made("byte"), KOREAN) is None


def test_nothing_is_said_without_text():
    assert unread(made("ngram"), []) is None
    assert unread(made("ngram"), ["", " "]) is None
