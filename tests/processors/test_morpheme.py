"""Morphemes: cuts where Kiwi sees them, the text as written and plain words elsewhere."""

from __future__ import annotations

import gzip
import json
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.processors import morpheme

pytest.importorskip("kiwipiepy")

NOUNS = ("영화", "배우", "연기", "감독", "음악", "이야기", "장면", "결말", "극장", "주인공")
ENDINGS = (
    "가 좋았다",
    "는 재미있었다",
    "를 다시 봤어요",
    "도 아쉬웠습니다",
    "만 기억난다",
    "의 힘은 크다",
    "와 함께 갔다",
)
TEXTS = [
    f"{a}{b} {c}{d} {w}" for a in NOUNS for b in ENDINGS for c in NOUNS for d in ENDINGS for w in ("the film", "!")
][::9]  # odd: both ends occur


@pytest.fixture(scope="module")
def tokenizer():
    return morpheme.Morpheme().train(iter(TEXTS))


def test_words_are_cut_where_morphemes_meet():
    assert morpheme.marked(["영화가 좋았다", "2017년에 ABC를 봤더니.", "the film, café", ""]) == [
        "영화￭가 좋￭았￭다",
        "2017￭년￭에 ABC￭를 봤￭더니.",
        "the film, café",
        "",
    ]
    assert morpheme.marked(["먹었어욥"]) == ["먹￭었￭어욥"]  # the batchim that was added stays with its syllable
    assert morpheme.marked(["가￭나"]) == ["가■나"]


def test_pieces_decode_to_the_words(tokenizer):
    text = "배우는 재미있었다 the film 감독의 영화를 봤어요"
    ids = tokenizer.encode([text])[0]
    written = [tokenizer.token(number) for number in ids]
    assert written[:2] == ["배우", "￭는"]
    assert tokenizer.decode(ids) == text
    assert tokenizer.unk_id not in ids


def test_a_joiner_in_a_text_is_no_joiner(tokenizer):
    ids, spans = tokenizer.encode_spans(["영화￭가 좋았다"])[0]
    assert ids.tolist() == tokenizer.encode(["영화■가 좋았다"])[0].tolist()
    assert spans[-1].tolist() == [7, 8]


@settings(max_examples=100)
@given(st.text(st.characters() | st.sampled_from("가나다해봤ㅋ￭\0\u3000 "), max_size=30))
@example("가\ud800나")
@example("\0가\0")
def test_any_text_is_taken_in_either_form(tokenizer, text):
    nfc, nfd = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    composed, spread = tokenizer.encode([nfc, nfd])
    assert composed.tolist() == spread.tolist() == tokenizer.encode_spans([nfd])[0][0].tolist()


def test_reviews_in_either_form_have_the_same_ids(tmp_path, shared_data):
    """A fresh process gives the same ids: tests/conformance/test_every_processor.py."""
    with gzip.open(shared_data / "nsmc/dev.tsv.gz", "rt", encoding="utf-8") as stream:
        reviews = [line.split("\t")[1] for line in stream.read().splitlines()[1:401]]
    tokenizer = morpheme.Morpheme().train(iter(reviews))
    tokenizer.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["headstart.json", "morpheme.json"]
    texts = [unicodedata.normalize(form, review) for review in reviews[:100] for form in ("NFC", "NFD")]
    ids = [found.tolist() for found in tokenizer.encode(texts)]
    assert ids[::2] == ids[1::2]
    assert [found.tolist() for found in load_processor(tmp_path).encode(texts)] == ids


def test_another_version_of_kiwi_is_warned_of(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    own = json.loads((tmp_path / "headstart.json").read_text())
    (tmp_path / "headstart.json").write_text(json.dumps(own | {"kiwi": "0.1"}))
    with pytest.warns(UserWarning, match=r"trained with Kiwi 0\.1, here is"):
        assert load_processor(tmp_path).vocabulary == tokenizer.vocabulary


def test_without_kiwi_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(morpheme, "_kiwi", morpheme._kiwi.__wrapped__)  # asked anew, and what is loaded stays loaded
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    with pytest.raises(HeadstartError, match=r"pip install headstart\[ko\]"):
        morpheme.Morpheme().train(iter(TEXTS))
