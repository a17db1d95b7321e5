"""The n-gram tokenizer: word bounds, NFC, order by frequency, save and load, honest limits."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from headstart.base.errors import HeadstartError
from headstart.text.ngram import NgramSpec, NgramTokenizer, word_ngrams


def test_ngrams_of_a_word():
    assert word_ngrams("ab", 2, 4) == ["<a", "ab", "b>", "<ab", "ab>", "<ab>"]


def test_ids_words_and_unknowns():
    tokenizer = NgramTokenizer(["<a", "b>"])
    assert [ids.tolist() for ids in tokenizer.encode(["ab zz", ""])] == [[1, 2, 0, 0], []]
    assert tokenizer.decode([1, 2, 0]) == "<a b>"
    assert not tokenizer.reversible


def test_nfc_and_nfd_are_equal(reviews):
    tokenizer = NgramSpec().train(reviews)
    composed = tokenizer.encode(reviews)
    decomposed = tokenizer.encode([unicodedata.normalize("NFD", text) for text in reviews])
    assert all(np.array_equal(a, b) for a, b in zip(composed, decomposed))


def test_frequency_order_and_round_trip(tmp_path, reviews):
    tokenizer = NgramSpec().train(reviews, 200)
    assert tokenizer.vocabulary == 200
    counts = np.bincount(np.concatenate(tokenizer.encode(reviews)), minlength=200)[1:]
    assert (np.diff(counts) <= 0).all()
    tokenizer.save(tmp_path)
    again = NgramTokenizer.load(tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(again.encode(reviews), tokenizer.encode(reviews)))


def test_too_large_a_vocabulary_teaches(reviews):
    with pytest.raises(HeadstartError, match="larger than the data allows"):
        NgramSpec().train(reviews, 1_000_000)
    with pytest.raises(HeadstartError, match="more text"):
        NgramSpec().train([""])
