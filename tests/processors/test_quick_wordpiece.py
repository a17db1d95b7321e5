"""WordPiece in arrays gives the ids of the Rust library: any text, any characters, in blocks and by several threads."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from headstart.core import registry
from headstart.text import fast_tokenizer, piece_ids, word_ids
from headstart.text.bert_words import BertWords, reads
from headstart.text.fast_tokenizer import FastTokenizer
from headstart.text.flat_ids import flat_ids
from headstart.text.piece_ids import PieceIds, walks
from headstart.text.rust import Rust

ODD = "ab 가힣.,!#[]\t\u00a0\u00ad\u200b\ufeffé\u0301한漢\U0001f600İßﬁ\u1100\u1161\x00\u202e"
TEXTS = st.lists(st.text(st.sampled_from(ODD), max_size=30), max_size=20)
PIECES = [
    "[UNK]",
    "[SEP]",
    "a",
    "b",
    "##a",
    "##b",
    "ab",
    "##가",
    "가",
    "가힣",
    "##힣가",
    ".",
    "#",
    "漢",
    "é",
    "##é",
    "i",
    "ss",
]
VOCABULARY = {piece: number for number, piece in enumerate(PIECES)}


def bert(lower: bool = False, accents: bool = False, longest: int = 100) -> Rust:
    model = models.WordPiece(VOCABULARY, unk_token="[UNK]", max_input_chars_per_word=longest)
    clean = normalizers.BertNormalizer(clean_text=True, strip_accents=accents, lowercase=lower)
    normalizer = normalizers.Sequence([normalizers.NFC(), clean])
    rust = Rust.of_model(model, "bert", normalizer=normalizer, pre_tokenizer=pre_tokenizers.BertPreTokenizer())
    rust.read_plainly()
    return rust


def composed(texts: list[str]) -> list[str]:
    return [normalizers.NFC().normalize_str(text) for text in texts]


def same(rust: Rust, quick: PieceIds, texts: list[str]) -> bool:
    expected = flat_ids(rust._raw.encode_batch_fast(texts, add_special_tokens=False))
    return all(np.array_equal(a, b) for a, b in zip(expected, quick.encode(texts), strict=True))


@given(texts=TEXTS, more=TEXTS, lower=st.booleans(), accents=st.booleans(), longest=st.sampled_from([3, 100]))
def test_ids_are_those_of_rust(texts, more, lower, accents, longest):
    rust = bert(lower, accents, longest)
    assert walks(rust)
    quick = PieceIds(rust)
    assert same(rust, quick, composed(texts))
    assert same(rust, quick, composed(more + texts))  # words that are known by now among new ones


def test_real_texts_in_blocks_and_threads(reviews, monkeypatch):
    tokenizer = registry.load("processor", "wordpiece")().train(iter(reviews))
    monkeypatch.setattr(word_ids, "_CHARACTERS_AT_ONCE", 500)
    quick = PieceIds(tokenizer.rust)
    with ThreadPoolExecutor(4) as pool:
        parts = [reviews[low : low + 9] for low in range(0, len(reviews), 9)] * 3
        found = list(pool.map(quick.encode, parts))
    expected = [flat_ids(tokenizer.rust._raw.encode_batch_fast(part, add_special_tokens=False)) for part in parts]
    assert all(np.array_equal(a, b) for one, two in zip(expected, found, strict=True) for a, b in zip(one, two))


def test_known_words_are_bounded(reviews, monkeypatch):
    tokenizer = registry.load("processor", "wordpiece")().train(iter(reviews))
    monkeypatch.setattr(word_ids, "_MOST_WORDS", 30)
    monkeypatch.setattr(word_ids, "_CHARACTERS_AT_ONCE", 300)
    quick = PieceIds(tokenizer.rust)
    assert same(tokenizer.rust, quick, reviews)
    assert len(quick._words._known.hash_K) < 200


def test_very_long_words_are_read_whole():
    rust = bert()
    texts = ["a" * 5000, "ab", "", " ", "a" * 4096 + " b"]
    assert same(rust, PieceIds(rust), texts)


def test_the_tokenizer_takes_it_for_many_texts_and_travels_without_it(reviews, monkeypatch):
    tokenizer = registry.load("processor", "wordpiece")().train(iter(reviews))
    plain = [ids.tolist() for ids in tokenizer.encode(reviews[:40])]
    assert tokenizer._quick is None  # of so little text it is not worth it
    monkeypatch.setattr(fast_tokenizer, "_MANY", 400)
    assert [ids.tolist() for ids in tokenizer.encode(reviews[:40])] == plain
    assert tokenizer._quick is not None
    assert pickle.loads(pickle.dumps(tokenizer))._quick is None
    half_pair = [*reviews[:40], "a\ud800b"]  # no text: counts as U+FFFD
    assert tokenizer.encode(half_pair)[-1].tolist() == tokenizer.encode(["a\ufffdb"])[0].tolist()
    tokenizer.write_small()
    capital = [text.upper() for text in reviews[:40]]
    small = FastTokenizer(tokenizer.rust, "wordpiece")
    monkeypatch.setattr(piece_ids, "walks", lambda rust: False)
    assert [ids.tolist() for ids in tokenizer.encode(capital)] == [
        ids.tolist() for text in capital for ids in small.encode([text])
    ]


@pytest.mark.parametrize("part", ["cutting", "normalizer", "added", "model"])
def test_other_tokenizers_are_left_to_rust(part):
    rust = bert()
    if part == "cutting":
        rust.use(pre_tokenizer=pre_tokenizers.Whitespace())
    elif part == "normalizer":
        rust.use(normalizer=normalizers.NFKC())
    elif part == "added":
        rust._raw.add_tokens(["a b"])
    else:
        rust.use(model=models.WordLevel({"[UNK]": 0}, "[UNK]"))
    assert not walks(rust)


def test_letters_within_words_equal_those_of_rust(reviews):
    rust = bert()
    assert reads(json.loads(rust.to_str()))
    texts = [*reviews, "ab\u00ad c", "가.나다"]
    expected = {letter for text in texts for word in rust.words([text])[0] for letter in word[1:]}
    assert BertWords(rust).letters_within(texts) == expected
