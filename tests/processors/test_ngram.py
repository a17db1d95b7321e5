"""The n-gram tokenizer: word bounds, NFC, order by frequency, phrases, save and load, honest limits."""

from __future__ import annotations

import json
import pickle
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import HeadstartError
from headstart.processors import ngram
from headstart.processors.ngram import NgramSpec, NgramTokenizer


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


def test_a_phrase_is_the_last_id_of_its_second_word():
    tokenizer = NgramTokenizer(["<a", "b>"], phrases=["ab b", "zz ab", "b zz"])
    assert (tokenizer.phrase_id, tokenizer.vocabulary) == (3, 6)
    assert [ids.tolist() for ids in tokenizer.encode(["ab b", "b ab", "zz AB b zz", "ab", ""])] == [
        [1, 2, 0, 2, 3, 0],
        [2, 0, 1, 2, 0],
        [0, 1, 2, 4, 0, 2, 3, 0, 5, 0],
        [1, 2, 0],
        [],
    ]
    assert tokenizer.token(4) == "zz ab"
    with pytest.raises(HeadstartError, match="no token 6"):
        tokenizer.token(6)


def test_phrases_are_the_commonest_pairs_within_documents():
    documents = ["a b c d"] * 5 + ["b c e"] * 4 + ["e a"] * 3
    trained = NgramSpec(phrases=9).train(iter(documents))
    assert trained.phrases == ["b c", "a b", "c d", "c e"]  # not "d b", which no document holds; "e a" is too rare
    assert NgramSpec(phrases=2).train(iter(documents)).phrases == ["b c", "a b"]
    assert NgramSpec().train(iter(documents)).phrases == []
    assert NgramSpec(phrases=9).train(iter(documents)).ngrams == NgramSpec().train(iter(documents)).ngrams
    with pytest.raises(HeadstartError, match="phrases=-1"):
        NgramSpec(phrases=-1)


def test_pairs_are_counted_in_parts_as_at_once(reviews, monkeypatch):
    whole = NgramSpec(phrases=500).train(reviews)
    monkeypatch.setattr(ngram, "_PAIRS_AT_ONCE", 50)
    assert NgramSpec(phrases=500).train(reviews).phrases == whole.phrases
    assert len(whole.phrases) > 100
    monkeypatch.setattr(ngram, "_COUNTED_PAIRS", 40)
    pruned = NgramSpec(phrases=500).train(reviews)
    assert 0 < len(pruned.phrases) <= 40
    monkeypatch.setattr(ngram, "_COUNTED_WORDS", 5)
    few = {word for phrase in NgramSpec(phrases=500).train(reviews).phrases for word in phrase.split()}
    assert 0 < len(few) < len({word for phrase in whole.phrases for word in phrase.split()})


def test_phrases_survive_saving_and_old_files_have_none(tmp_path, reviews):
    tokenizer = NgramSpec(phrases=50).train(reviews)
    tokenizer.save(tmp_path)
    again = NgramTokenizer.load(tmp_path)
    assert (again.phrases, again.vocabulary) == (tokenizer.phrases, tokenizer.vocabulary)
    assert max(ids.max() for ids in tokenizer.encode(reviews)) >= tokenizer.phrase_id
    assert all(np.array_equal(a, b) for a, b in zip(again.encode(reviews), tokenizer.encode(reviews)))
    data = json.loads((tmp_path / "ngrams.json").read_text(encoding="utf-8"))
    (tmp_path / "ngrams.json").write_text(json.dumps({k: v for k, v in data.items() if k != "phrases"}))
    assert NgramTokenizer.load(tmp_path).vocabulary == tokenizer.phrase_id
    for broken in (["one"], [1], 3):
        (tmp_path / "ngrams.json").write_text(json.dumps(data | {"phrases": broken}))
        with pytest.raises(HeadstartError, match="not an n-gram tokenizer"):
            NgramTokenizer.load(tmp_path)


def test_words_beyond_the_cache_get_the_same_ids(reviews, monkeypatch):
    tokenizer = NgramSpec(phrases=50).train(reviews)
    expected = tokenizer.encode(reviews)
    monkeypatch.setattr(ngram, "_CACHED_WORDS", 60)
    small = NgramTokenizer(tokenizer.ngrams, phrases=tokenizer.phrases)
    for low in range(0, len(reviews), 7):
        ids, _ = small.encode_flat(reviews[low : low + 7])
        assert np.array_equal(ids, np.concatenate(expected[low : low + 7]))
    assert 0 < len(small._cache) <= 60


@given(
    texts=st.lists(st.text(st.sampled_from("ab 영화\u3000\t\nA\u0301Σ"), max_size=12), max_size=30), lower=st.booleans()
)
def test_many_texts_at_once_get_the_same_ids(texts, lower):
    tokenizer = NgramTokenizer(["<a", "b>", "ab", "영화", "σ>", "ς>", "<영", "<á"], lower=lower)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram, "_MANY", 0)
        ids, lengths = tokenizer.encode_flat(texts)
        half_pair, _ = tokenizer.encode_flat(["ab \ud800"])
    expected = tokenizer.encode(texts)
    assert lengths.tolist() == [len(one) for one in expected]
    assert ids.tolist() == [one for found in expected for one in found.tolist()]
    assert half_pair.tolist() == tokenizer.encode(["ab \ud800"])[0].tolist()


def test_a_copy_reads_the_same(reviews, monkeypatch):
    monkeypatch.setattr(ngram, "_MANY", 0)
    tokenizer = NgramSpec().train(reviews)
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert all(np.array_equal(a, b) for a, b in zip(copy.encode_flat(reviews), tokenizer.encode_flat(reviews)))


@pytest.mark.parametrize("lengths", [{"smallest": 0}, {"smallest": 3, "largest": 2}, {"largest": 101}])
def test_impossible_lengths_are_refused(lengths, reviews, tmp_path):
    with pytest.raises(HeadstartError, match="expected smallest of 1 or more and largest no smaller, at most 100"):
        NgramSpec(**lengths)
    NgramSpec().train(reviews).save(tmp_path)
    told = json.loads((tmp_path / "ngrams.json").read_text(encoding="utf-8"))
    (tmp_path / "ngrams.json").write_text(json.dumps(told | lengths), encoding="utf-8")
    with pytest.raises(HeadstartError, match=r"ngrams.json: n-grams of \d to \d+ characters; expected"):
        NgramTokenizer.load(tmp_path)


def test_long_ngrams_are_taken(reviews):
    assert NgramSpec(smallest=2, largest=100).train(reviews).largest == 100


def test_too_large_a_vocabulary_teaches(reviews):
    with pytest.raises(HeadstartError, match="larger than the data allows"):
        NgramSpec().train(reviews, 1_000_000)
    with pytest.raises(HeadstartError, match="more text"):
        NgramSpec().train([""])


@pytest.mark.parametrize("phrases", [0, 60])
def test_a_long_text_is_read_in_parts_as_whole(reviews, monkeypatch, phrases):
    tokenizer = NgramSpec(phrases=phrases).train(reviews * 3)
    texts = ["  ".join(reviews[:90]), " ", "", *reviews[:3], "\n".join(reviews[90:120]) + " "]
    whole = tokenizer.encode(texts)
    monkeypatch.setattr(ngram, "_AT_ONCE", 40)
    again = NgramTokenizer(tokenizer.ngrams, phrases=tokenizer.phrases)
    assert all(np.array_equal(a, b) for a, b in zip(whole, again.encode(texts), strict=True))
    ids, lengths = again.encode_flat(texts)
    assert (lengths.tolist(), ids.dtype.itemsize) == ([len(one) for one in whole], 4)
    assert np.array_equal(ids, np.concatenate(whole))
    if phrases:
        assert ids.max() >= tokenizer.phrase_id
