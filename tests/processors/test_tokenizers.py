"""Every tokenizer kind: sizes, special tokens, normal forms, exact decoding, the same ids in transformers."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.text.fast_tokenizer import FastTokenizer
from headstart.text.tokenizer_training import SPECIALS, sample

KINDS = ("bpe", "byte", "char", "unigram", "wordpiece")
REVERSIBLE = ("bpe", "byte")
STEMS = ("영화", "배우", "연기", "감독", "음악", "이야기", "장면", "결말", "movie", "story")
ENDINGS = (
    "가 정말 좋았다",
    "는 조금 아쉽다",
    "를 다시 보고 싶다!",
    "도 나쁘지 않네요 ㅋㅋ",
    " is good.",
    "만 기억난다...",
)
DOCUMENTS = [f"{a}{b} {c}{d} {n}" for a in STEMS for b in ENDINGS for c in STEMS for d in ENDINGS[:4] for n in (1, 2)]


@pytest.fixture(scope="module")
def trained() -> dict[str, FastTokenizer]:
    sizes = {"bpe": 400, "wordpiece": 170}
    return {kind: registry.load("processor", kind)().train(iter(DOCUMENTS), sizes.get(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_come_first(trained, kind):
    tokenizer = trained[kind]
    assert [tokenizer.token(i) for i in range(5)] == list(SPECIALS)
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (0, 1, 2, 3, 4)
    assert tokenizer.special_ids == frozenset(range(5))
    assert tokenizer.kind == kind
    assert tokenizer.reversible == (kind in REVERSIBLE)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_plain_and_in_range(trained, kind):
    tokenizer = trained[kind]
    for ids in tokenizer.encode([*DOCUMENTS[:50], "", "뷁 unseen 🙂"]):
        assert ids.dtype == np.int64
        assert ((ids >= 0) & (ids < tokenizer.vocabulary)).all()
        assert not tokenizer.special_ids - {1} & set(ids.tolist())
    assert tokenizer.encode([]) == []
    with pytest.raises(HeadstartError, match="no token"):
        tokenizer.token(tokenizer.vocabulary)


@pytest.mark.parametrize("kind", KINDS)
def test_written_special_tokens_are_text(trained, kind):
    text = "가 [MASK] [CLS]나[PAD]"
    ids = set(trained[kind].encode([text])[0].tolist())
    assert not ids & {0, 2, 3, 4}


@pytest.mark.parametrize("kind", KINDS)
def test_nfc_and_nfd_give_the_same_ids(trained, kind):
    syllables = ["".join(map(chr, range(start, start + 28))) for start in range(0xAC00, 0xD7A4, 28)]
    texts = [*syllables, *DOCUMENTS[:50], "café é"]
    composed = trained[kind].encode([unicodedata.normalize("NFC", text) for text in texts])
    spread = trained[kind].encode([unicodedata.normalize("NFD", text) for text in texts])
    assert all((a == b).all() for a, b in zip(composed, spread, strict=True))


@pytest.mark.parametrize("kind", ["char", "unigram", "wordpiece"])
def test_korean_stays_whole(trained, kind):
    written = "".join(trained[kind].token(i) for i in trained[kind].encode(["영화가 정말 좋았다"])[0])
    assert "영화" in written
    assert not any("\u1100" <= c <= "\u11ff" for c in written)


@pytest.mark.parametrize("kind", REVERSIBLE)
@settings(max_examples=150)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=60))
def test_any_text_comes_back(trained, kind, text):
    assert trained[kind].decode(trained[kind].encode([text])[0]) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_surrogate_pair_does_no_harm(trained, kind):
    assert len(trained[kind].encode(["가\ud800나", "좋다"])) == 2


def test_byte_ids_are_bytes(trained):
    assert trained["byte"].vocabulary == 261
    assert trained["byte"].encode(["가\n"])[0].tolist() == [byte + 5 for byte in "가\n".encode()]


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_alike_here_and_in_transformers(trained, kind, tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = trained[kind]
    tokenizer.save(tmp_path)
    again = load_processor(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (again.kind, again.reversible, again.vocabulary) == (kind, tokenizer.reversible, tokenizer.vocabulary)
    texts = [*DOCUMENTS[:20], "뷁 [MASK] 🙂", unicodedata.normalize("NFD", "좋았다"), "a\tb  c"]
    for text, ids in zip(texts, tokenizer.encode(texts)):
        assert again.encode([text])[0].tolist() == ids.tolist()
        assert theirs(text)["input_ids"] == tokenizer.add_special_tokens(ids)[0].tolist()
    first, second = tokenizer.encode(texts[:2])
    framed, types = tokenizer.add_special_tokens(first, second)
    pair = theirs(texts[0], texts[1])
    assert pair["input_ids"] == framed.tolist()
    assert pair["token_type_ids"] == types.tolist()
    assert (theirs.pad_token_id, theirs.mask_token_id, theirs.cls_token_id) == (0, 4, 2)
    assert theirs.decode(tokenizer.add_special_tokens(first)[0], skip_special_tokens=True) == tokenizer.decode(first)


@pytest.mark.parametrize("kind", ["bpe", "char", "unigram", "wordpiece"])
def test_training_twice_gives_the_same_tokenizer(trained, kind):
    sizes = {"bpe": 400, "wordpiece": 170}
    again = registry.load("processor", kind)().train(iter(DOCUMENTS), sizes.get(kind))
    assert again.rust.to_str() == trained[kind].rust.to_str()


@pytest.mark.parametrize("kind", ["bpe", "char", "wordpiece", "unigram"])
def test_vocabulary_out_of_reach_is_refused_with_the_size_reached(kind):
    spec = registry.load("processor", kind)(vocabulary=30_000)
    with pytest.raises(HeadstartError, match=r"vocabulary 30,000 is larger than the data allows: .* reached \d"):
        spec.train(iter(DOCUMENTS))


@pytest.mark.parametrize("kind", KINDS)
def test_size_from_the_data_never_fails(kind):
    tokenizer = registry.load("processor", kind)().train(iter(["가나다라 가나다라", "마바사 마바사"]))
    assert 5 < tokenizer.vocabulary <= 4096
    assert len(tokenizer.encode(["가나다라"])[0]) > 0


def test_bad_sizes_and_no_text_are_refused():
    with pytest.raises(HeadstartError, match="too small for tokenizer bpe: it needs at least 261"):
        registry.load("processor", "bpe")().train(iter(DOCUMENTS), 100)
    with pytest.raises(HeadstartError, match="too small for tokenizer wordpiece"):
        registry.load("processor", "wordpiece")().train(iter(DOCUMENTS), 6)
    with pytest.raises(HeadstartError, match="always 261"):
        registry.load("processor", "byte")(vocabulary=300).train([])
    for kind in ("bpe", "char", "unigram", "wordpiece"):
        with pytest.raises(HeadstartError, match="no text"):
            registry.load("processor", kind)().train(iter(["", " "]))


def test_sample_is_bounded_and_thins_out():
    texts = [f"{i:09d}" for i in range(10_000)]
    kept, size = sample(iter(texts), stage_bytes=900)
    assert size == 90_000
    assert kept[:100] == texts[:100]
    assert len(kept) < 900
    assert int(kept[-1]) > 9_000
    assert kept == sample(iter(texts), stage_bytes=900).texts
