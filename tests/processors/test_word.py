"""Whole words: most frequent first, case folded unless asked otherwise, rare ones unknown."""

from __future__ import annotations

import pytest

from headstart.core.errors import HeadstartError
from headstart.processors.word import Words

TEXTS = ["The film, the actor!", "the plot. 영화 정말", "영화 The"] * 3


def test_words_are_numbered_by_frequency():
    tokenizer = Words(least=3).train(iter(TEXTS))
    written = [tokenizer.token(number) for number in range(5, tokenizer.vocabulary)]
    assert written == ["the", "영화", "!", ",", ".", "actor", "film", "plot", "정말"]
    ids = tokenizer.encode(["THE film unheard"])[0]
    assert ids.tolist() == [5, 11, tokenizer.unk_id]
    assert tokenizer.decode(ids) == "the film"


def test_settings():
    cased = Words(least=1, lower=False).train(iter(TEXTS))
    assert cased.encode(["The"])[0].tolist() != cased.encode(["the"])[0].tolist()
    few = Words().train(iter(TEXTS), 7)
    assert few.vocabulary == 7
    assert few.encode(["the 영화 film"])[0].tolist() == [5, 6, few.unk_id]
    with pytest.raises(HeadstartError, match="no word occurs 9 times"):
        Words(least=9).train(iter(["a b"]))


def test_spans_are_those_of_the_given_text():
    tokenizer = Words(least=1).train(iter(TEXTS))
    text = "영화  The, film"
    ids, spans = tokenizer.encode_spans([text])[0]
    assert [text[start:end] for start, end in spans.tolist()] == ["영화", "The", ",", "film"]
    assert ids.tolist() == tokenizer.encode([text])[0].tolist()
