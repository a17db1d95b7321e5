"""Words asked one by one of tokenizers that cut at spaces give the ids of the Rust library, for any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers

from headstart.core import registry
from headstart.text import fast_tokenizer, spaced_ids, word_ids
from headstart.text.flat_ids import flat_ids
from headstart.text.rust import Rust
from headstart.text.spaced_ids import SpacedIds, cut_before

ODD = "ab 가힣.,!'s[]<\t\n\u00a0\u3000\u200b\u0085\u2028é한漢\U0001f600▁Ġ12\x00"
TEXTS = st.lists(st.text(st.sampled_from(ODD), max_size=40), max_size=12)
KINDS = ("bpe", "bpe with a space before", "unigram", "metaspace, never before")


def tokenizer_of(kind: str, reviews: list[str]) -> Rust:
    if kind.startswith("bpe"):
        rust = registry.load("processor", "bpe")(vocabulary=400).train(iter(reviews)).rust
        if kind != "bpe":
            rust.use(pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True))
        return rust
    rust = registry.load("processor", "unigram")().train(iter(reviews)).rust
    if kind != "unigram":
        rust.use(pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="never"))
    return rust


@pytest.fixture(params=KINDS)
def rust(request, reviews):
    return tokenizer_of(request.param, reviews)


def expected(rust: Rust, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return flat_ids(rust._raw.encode_batch_fast(texts, add_special_tokens=False))


def same(rust: Rust, quick: SpacedIds, texts: list[str]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(expected(rust, texts), quick.encode(texts), strict=True))


def test_ids_are_those_of_rust(rust):
    assert " " in cut_before(rust)
    quick = SpacedIds(rust, cut_before(rust))

    @given(texts=TEXTS)
    def holds(texts):
        assert same(rust, quick, [normalizers.NFC().normalize_str(text) for text in texts])

    holds()


def test_a_long_text_is_read_in_parts(rust, reviews, monkeypatch):
    monkeypatch.setattr(word_ids, "_CHARACTERS_AT_ONCE", 300)
    long = "  ".join(reviews)
    monkeypatch.setattr(spaced_ids, "RUST_AT_ONCE", 300)
    texts = ["", long, "a" * 500, " " * 500 + "b", long[:299], "\n".join(reviews)]
    assert same(rust, SpacedIds(rust, cut_before(rust)), texts)


def test_a_long_word_is_read_whole_up_to_a_limit(rust, monkeypatch):
    quick = SpacedIds(rust, cut_before(rust))
    assert same(rust, quick, ["a" * 5000, " " * 7000 + "b"])
    monkeypatch.setattr(word_ids, "_CHARACTERS_AT_ONCE", 300)
    (cut,), (whole,) = (quick.encode(["ab" * 450])[1].tolist() for quick in (quick, SpacedIds(rust, cut_before(rust))))
    assert cut == whole == rust.ids(["ab" * 300, "ab" * 150])[1].sum()


def test_the_tokenizer_takes_it_for_one_long_text(reviews):
    tokenizer = registry.load("processor", "bpe")(vocabulary=400).train(iter(reviews))
    text = " ".join(reviews) * (1 + fast_tokenizer._MANY // sum(map(len, reviews)))
    (found,) = tokenizer.encode([text])
    assert isinstance(tokenizer._quick, SpacedIds)
    assert np.array_equal(found, expected(tokenizer.rust, [text])[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda rust: setattr(rust, "model", models.BPE(dropout=0.1)),
        lambda rust: setattr(rust, "normalizer", normalizers.NFKC()),
        lambda rust: setattr(rust, "normalizer", normalizers.Replace(" ", "_")),
        lambda rust: setattr(rust, "normalizer", normalizers.Sequence([normalizers.NFC(), normalizers.Strip()])),
        lambda rust: setattr(rust, "pre_tokenizer", pre_tokenizers.ByteLevel(use_regex=False)),
        lambda rust: setattr(rust, "pre_tokenizer", pre_tokenizers.Metaspace(prepend_scheme="first")),
        lambda rust: setattr(rust, "pre_tokenizer", pre_tokenizers.Metaspace(split=False)),
        lambda rust: setattr(rust, "pre_tokenizer", pre_tokenizers.Split(Regex("b a"), "isolated")),
        lambda rust: setattr(
            rust,
            "pre_tokenizer",
            pre_tokenizers.Sequence([pre_tokenizers.Split(Regex("b a"), "isolated"), pre_tokenizers.ByteLevel()]),
        ),
        lambda rust: rust.add_tokens([AddedToken("a b")]),
    ],
)
def test_other_tokenizers_are_left_to_rust(change, reviews):
    rust = tokenizer_of("bpe", reviews)
    assert cut_before(rust) == " \n"
    change(rust._raw)
    assert cut_before(rust) == ""
