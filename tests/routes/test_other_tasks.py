"""Numbers and spans by every kind of route: they learn, refuse what they cannot do, and take words or characters."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from tiny_bases import GOOD, NOUNS, bag_base, corpus, token_base

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.data.tag_units import cut, fitting_unit, seen_around
from headstart.fitting.workspace import Workspace
from headstart.metrics.entity_f1 import EntityF1

PARTICLES = ("은", "는", "에서", "에게")
NAMES = ("민수", "영희", "철수", "지영")


def numbers(count: int, seed: int, *, pairs: bool) -> Examples:
    """Return rows with the share of good words in them; of pairs, the share of words that both hold."""
    random = np.random.default_rng(seed)
    words = [*GOOD[:4], *NOUNS[:4]]
    first = [list(random.choice(words, 4)) for _ in range(count)]
    if not pairs:
        targets = [float(np.mean([word in GOOD for word in text])) for text in first]
        return Examples([" ".join(text) for text in first], None, task="regress", targets=targets)
    kept = random.integers(0, 5, count)
    second = [[*text[:size], *random.choice(words, 4 - size)] for text, size in zip(first, kept)]
    targets = [len(set(a) & set(b)) / 4 for a, b in zip(first, second)]
    return Examples([" ".join(a) for a in first], [" ".join(b) for b in second], task="regress", targets=targets)


def spans(count: int, seed: int, *, joined: bool) -> Examples:
    """Return sentences with names and places; joined: a particle follows each without a blank."""
    random = np.random.default_rng(seed)
    texts, targets = [], []
    for _ in range(count):
        text, found = "", []
        for _ in range(4):
            name = bool(random.integers(2))
            word = random.choice(NAMES if name else NOUNS[:4])
            text += " " if text else ""
            if name:
                found.append(Span(len(text), len(text) + len(word), "PS"))
            text += word + (random.choice(PARTICLES) if joined and name else "")
        texts.append(text)
        targets.append(tuple(found))
    return Examples(texts, classes=("PS",), task="tag", targets=targets)


def route_of(name: str, **settings):
    return registry.build_spec("route", {"name": name, **settings})


@pytest.mark.parametrize(
    ("name", "pairs", "floor"),
    [
        ("probe", False, 0.8),
        ("probe", True, 0.5),
        ("tfidf_cosine", True, 0.8),
        ("tfidf_ridge", False, 0.9),
        ("tfidf_ridge", True, 0.5),
        ("finetune", False, 0.8),
    ],
)
def test_numbers_are_learnt(name, pairs, floor):
    settings = {"learning_rate": 0.02, "choose_learning_rate": False} if name == "finetune" else {}
    train, test = numbers(100, 0, pairs=pairs), numbers(50, 9, pairs=pairs)
    base = token_base() if name == "finetune" else bag_base()
    model = route_of(name, **settings).run(train, Workspace(base, corpus), seed=0)
    assert np.corrcoef(model.predict(test), test.targets)[0, 1] > floor


def test_the_floor_of_numbers_is_their_mean():
    train = numbers(20, 0, pairs=False)
    model = route_of("majority").run(train, Workspace(), seed=0)
    assert model.predict(train) == [pytest.approx(np.mean(train.targets))] * 20


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(
    ("name", "settings", "floor"),
    [
        ("window_tagger", {}, 0.99),
        ("probe", {}, 0.6),
        ("finetune", {"learning_rate": 0.02, "choose_learning_rate": False, "epochs": 8}, 0.8),
    ],
)
def test_spans_are_found_to_the_character(name, settings, floor, joined):
    train, test = spans(100, 0, joined=joined), spans(50, 9, joined=joined)
    base = token_base()
    base.processor = registry.load("processor", "char")().train(iter([*train.items, *corpus()]))
    model = route_of(name, **settings).run(train, Workspace(base.fresh(0)), seed=0)
    assert EntityF1().score(test.targets, model.predict(test)) > floor
    assert model.notes.get("ceiling_f1", 1.0) == 1.0


def test_the_rate_is_chosen_by_spans():
    train = spans(24, 0, joined=False)
    base = token_base()
    base.processor = registry.load("processor", "char")().train(iter([*train.items, *corpus()]))
    short = {"least_steps": 2, "head_steps": 1, "epochs": 1}
    model = route_of("finetune", **short).run(train, Workspace(base.fresh(0)), seed=0)
    assert model.notes["inner_fits"] == 9


def test_the_most_frequent_tag_of_each_word():
    texts = ["New York is New", "New York", "York"]
    place = [(Span(0, 8, "LC"),), (Span(0, 8, "LC"),), ()]
    train = Examples(texts, classes=("LC",), task="tag", targets=place)
    model = route_of("majority").run(train, Workspace(), seed=0)
    assert model.predict(Examples(["in New York !", "", "York"])) == [(Span(3, 11, "LC"),), (), (Span(0, 4, "LC"),)]


def test_words_or_characters():
    assert fitting_unit(spans(20, 0, joined=False)) == "word"
    assert fitting_unit(spans(20, 0, joined=True)) == "character"
    assert [cut("Don't 3.5", unit).tokens_T2.tolist() for unit in ("word", "character")] == [
        [[0, 3], [3, 4], [4, 5], [6, 7], [7, 8], [8, 9]],
        [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [6, 7], [7, 8], [8, 9]],
    ]
    for unit in ("word", "character"):
        for text in ("", " ", "가", " 가 나다 .\n e\u0301x  "):
            found = seen_around(cut(text, unit), unit)
            assert len(found) == len(cut(text, unit).tokens_T2)
            assert len({len(row) for row in found}) <= 1


def test_nfd_spellings_have_the_same_spans():
    train = spans(60, 0, joined=True)
    for name in ("window_tagger", "majority"):
        model = route_of(name).run(train, Workspace(), seed=0)
        for text, found in zip(train.items, model.predict(train)):
            decomposed = unicodedata.normalize("NFD", text)
            (apart,) = model.predict(Examples([decomposed]))
            pieces = [unicodedata.normalize("NFC", decomposed[span.start : span.end]) for span in apart]
            assert pieces == [text[span.start : span.end] for span in found]


def test_seconds_end_the_tagger_after_an_epoch():
    model = route_of("window_tagger", epochs=1000).run(spans(100, 0, joined=True), Workspace(), seed=0, seconds=0.05)
    assert 1 <= model.notes["epochs"] < 1000


def test_what_cannot_be_done_is_said():
    train = spans(8, 0, joined=False)
    bag = Workspace(bag_base())
    for name in ("finetune", "scratch", "probe"):
        assert "reads document" in route_of(name).refuses(train, bag)
    with pytest.raises(HeadstartError, match="last layer"):
        route_of("probe", layer=0).run(train, Workspace(token_base()), seed=0)
    assert "two texts" in route_of("tfidf_cosine").refuses(numbers(8, 0, pairs=False), Workspace())
    with pytest.raises(HeadstartError, match="no answers for task tag"):
        route_of("window_tagger").run(Examples(["a"], task="tag", classes=("x",)), Workspace(), seed=0)
    with pytest.raises(HeadstartError, match="no class probabilities"):
        route_of("window_tagger").run(train, Workspace(), seed=0).predict_proba(train)
