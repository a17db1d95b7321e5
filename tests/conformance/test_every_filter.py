"""Every filter leaves out the documents planted for it, says why, keeps the others, and decides the same again."""

from __future__ import annotations

import json
import random

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.corpus import Corpus
from headstart.data.filtering import asked_filters

FILTERS = registry.names("filter")
_TEXT = (
    "the river was low and the old men of the town sat under the trees and talked about rain that would not come "
    "while children ran between them with stones in their hands and nobody asked where they were going"
)
_KOREAN = (
    "어제 저녁에 친구와 함께 영화를 보러 갔는데 생각보다 사람이 많아서 한참을 기다려야 했고 "
    "결국 다른 영화를 보고 집에 돌아왔다"
)


def english(number: int, words: int = 40) -> str:
    chooser = random.Random(number)
    return " ".join(chooser.choice(_TEXT.split()) for _ in range(words)) + f" number {number}."


def page(number: int) -> str:
    return f"Home | News | Shop\n{english(number)}\n{english(number + 5_000)}\nAll rights reserved."


GOOD = {name: [page(number) if name == "boilerplate" else english(number) for number in range(300)] for name in FILTERS}
BAD = {
    "boilerplate": ["Home | News | Shop\nAll rights reserved."],
    "copies": [english(7).upper(), english(9).replace("number", "nr")],
    "language": [_KOREAN, "Der Fluss war niedrig, und die alten Männer der Stadt saßen unter den Bäumen und sprachen."],
    "length": ["abc", "x " * 600_000],
    "perplexity": ["qxzj vvkq jjzx wqqx zzkv qkxj " * 6],
    "repetition": ["!" * 60, "buy it now " * 40, "one line\n" * 12 + "another line"],
}


def corpus_of(folder, documents, **filters) -> Corpus:
    path = folder / "corpus.jsonl"
    path.write_text(
        "".join(json.dumps({"text": one}, ensure_ascii=False) + "\n" for one in documents), encoding="utf-8"
    )
    return Corpus(path, filters=[{"name": name, **settings} for name, settings in filters.items()])


@pytest.mark.parametrize("name", FILTERS)
def test_what_is_planted_is_left_out_and_nothing_else(name, tmp_path):
    planted = BAD[name]
    corpus = corpus_of(tmp_path, [*GOOD[name], *planted], **{name: {}})
    kept = list(corpus.documents())
    assert len(kept) == len(GOOD[name])
    if name != "boilerplate":
        assert kept == GOOD[name]
    assert sum(corpus.ledger.skipped.values()) == len(planted)
    assert all(reason.startswith(f"{name}: ") for reason in corpus.ledger.skipped)
    assert corpus.ledger.balanced
    assert kept == list(corpus.documents())
    again = corpus_of(tmp_path, [*GOOD[name], *planted], **{name: {}})
    assert kept == list(again.documents())
    assert again.fingerprint() == corpus.fingerprint() != corpus_of(tmp_path, [*GOOD[name], *planted]).fingerprint()


@pytest.mark.parametrize("name", FILTERS)
def test_one_document_and_odd_documents_are_judged(name, tmp_path):
    assert list(corpus_of(tmp_path, [english(1)], **{name: {}}).documents()) == [english(1)]
    odd = ["\u200b", "🙂🙂🙂", "1", "\ufeff", "a\nb\nc\nd\ne\nf", *(english(number) for number in range(3))]
    kept = list(corpus_of(tmp_path, odd, **{name: {}}).documents())
    assert set(kept) <= set(odd)
    assert len(kept) >= 3


def test_lines_of_boilerplate_are_taken_out_of_documents_that_stay(tmp_path):
    corpus = corpus_of(tmp_path, GOOD["boilerplate"], boilerplate={})
    first = next(corpus.documents())
    assert first == f"{english(0)}\n{english(5_000)}"
    list(corpus.documents())
    assert corpus.notes[-1] == "300 documents: lines of boilerplate taken out"


def test_languages_that_are_asked_for_stay(tmp_path):
    documents = [*(english(number) for number in range(30)), _KOREAN]
    assert list(corpus_of(tmp_path, documents, language={"keep": ("ko",)}).documents()) == [_KOREAN]
    assert len(list(corpus_of(tmp_path, documents, language={"keep": ("ko", "en")}).documents())) == 31


def test_filters_work_together_and_the_first_gives_the_reason(tmp_path):
    documents = [*(english(number) for number in range(60)), "!" * 60, "!" * 60, "no"]
    corpus = corpus_of(tmp_path, documents, **{name: {} for name in FILTERS})
    assert len(list(corpus.documents())) == 60
    assert dict(corpus.ledger.skipped) == {
        "repetition: one character": 1,
        "copies: came before": 1,
        "length: under 5 characters": 1,
    }
    assert "corpus.jsonl:61: repetition: one character" in corpus.ledger.complaints[0]


def test_settings_ask_for_their_filters():
    asked, rest = asked_filters("copies", ["filter.length.fewest=20", "training.batch=3"])
    assert [one["name"] for one in asked] == ["copies", "length"]
    assert asked[1]["fewest"] == 20
    assert rest == ["training.batch=3"]
    assert [one["name"] for one in asked_filters("all", [])[0]] == FILTERS
    for names, settings, told in [
        ("lenght", [], "length"),
        ("length", ["filter.length.most=many"], "a whole number"),
        (None, ["filter.length=3"], "write filter.NAME.SETTING=VALUE"),
        (None, ["filter.length.least=3"], "fewest"),
    ]:
        with pytest.raises(HeadstartError, match=told):
            asked_filters(names, settings)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"length": {"fewest": 30, "most": 20}}, "fewest=30"),
        ({"copies": {"similar": 0.1}}, "0.5 to 1"),
        ({"language": {"keep": ("xx",)}}, "xx"),
        ({"language": {"keep": ()}}, "no language named"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, told, tmp_path):
    with pytest.raises(HeadstartError, match=told):
        list(corpus_of(tmp_path, [english(1)], **wrong).documents())


def test_a_corpus_of_which_nothing_is_left_says_why(tmp_path):
    with pytest.raises(HeadstartError, match=r"2 rows read, 0 used, 2 skipped \(2 length: under 50 characters\)"):
        list(corpus_of(tmp_path, ["short", "texts"], length={"fewest": 50}).documents())


def test_filters_of_images_are_refused(tmp_path):
    import numpy as np

    np.savez(tmp_path / "images.npz", x=np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(HeadstartError, match="filters look at texts"):
        list(Corpus(tmp_path / "images.npz", filters=[{"name": "length"}]).documents())


def test_a_text_that_comes_often_makes_no_other_text_odd(tmp_path):
    often = ["great product fast delivery thanks"] * 600
    others = [english(number, 7) for number in range(400)]
    assert list(corpus_of(tmp_path, [*often, *others], perplexity={}).documents()) == [*often, *others]
    kept = list(corpus_of(tmp_path, [*often, *others], copies={}, perplexity={}).documents())
    assert kept == [often[0], *others]
    assert list(corpus_of(tmp_path, ["the same line"] * 300, **{name: {} for name in FILTERS}).documents()) == [
        "the same line"
    ]
