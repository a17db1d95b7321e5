"""Long texts and long words are cut, nothing is lost, and trainers see no word that is longer than they can bear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core import registry
from headstart.core.word_grams import _LONGEST, split_words
from headstart.text import tokenizer_training
from headstart.text.text_parts import encoded_by_parts, text_groups, text_parts
from headstart.text.tokenizer_training import LONG_DOCUMENT, LONGEST_WORD, sample


@given(text=st.text("ab \n가", max_size=80), size=st.integers(1, 20))
def test_parts_make_the_text(text, size):
    parts = list(text_parts(text, size))
    assert "".join(parts) == text
    assert all(len(part) <= 2 * size for part in parts)
    assert parts == [text] or all(parts)


def test_parts_begin_with_words_where_there_are_any():
    parts = list(text_parts("some words of a text " * 40, 30))
    assert all(part.startswith(" ") for part in parts[1:])
    assert min(map(len, parts[:-1])) >= 30


@given(texts=st.lists(st.text("ab ", max_size=30), max_size=9), size=st.integers(1, 40))
def test_groups_hold_every_text_once(texts, size):
    groups = list(text_groups(texts, size))
    assert [text for group in groups for text in group] == texts
    assert all(len(group) == 1 or sum(map(len, group)) <= size for group in groups)


def test_every_text_gets_the_ids_of_its_parts():
    import numpy as np

    def letters(texts):
        return np.array([ord(one) for text in texts for one in text], np.int64), np.array([len(text) for text in texts])

    texts = ["", "ab " * 30, "a" * 70, ""]
    ids, lengths = encoded_by_parts(letters, texts, 16)
    assert lengths.tolist() == [0, 90, 70, 0]
    assert "".join(map(chr, ids)) == "".join(texts)


def test_a_sample_keeps_short_documents_as_they_are(reviews):
    assert sample(reviews).texts == reviews


def test_a_sample_cuts_long_words_and_takes_parts_of_long_documents():
    word = "".join(chr(0xAC00 + number) for number in range(2 * LONGEST_WORD + 5))
    text = f"some words {word} more words"
    found = sample([text]).texts
    assert "".join(found) == text
    assert [len(part.split()[-1]) for part in found[:2]] == [LONGEST_WORD] * 2
    long = "a few words of a book " * (40 * LONG_DOCUMENT // 22)
    kept = sample([long], stage_bytes=4 * LONG_DOCUMENT)
    assert sum(map(len, kept.texts)) < 16 * LONG_DOCUMENT
    assert abs(kept.size - len(long)) < len(long) / 50


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "ngram"])
def test_training_reads_what_long_words_are_made_of(kind, reviews, monkeypatch):
    """Pieces of a text without spaces are learned from its parts."""
    monkeypatch.setattr(tokenizer_training, "LONGEST_WORD", 50)
    joined = ["".join(text.split()) for text in reviews]
    tokenizer = registry.load("processor", kind)().train(iter(["".join(joined)]))
    ids = tokenizer.encode([joined[0]])[0]
    assert len(ids) > 1


def test_words_of_n_grams_are_cut():
    assert split_words("a" * (_LONGEST + 3) + " b") == ["a" * _LONGEST, "aaa", "b"]
    assert split_words(" a  b ") == ["a", "b"]
