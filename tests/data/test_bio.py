"""Spans as tags and back: exact for characters, the best tags form spans, blanks at the ends are left out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.core.examples import Span
from headstart.data.bio import IGNORED, best_tags, spans_of, tags_of

CLASSES = ("a", "b", "c")


def characters(text: str) -> np.ndarray:
    return np.array([(at, at + 1) for at in range(len(text))]).reshape(-1, 2)


@st.composite
def texts_with_spans(draw):
    text = draw(st.text("xy 가", min_size=1, max_size=20))
    bounds = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [Span(low, high, draw(st.sampled_from(CLASSES))) for low, high in itertools.pairwise(bounds)]
    kept = [span for span in spans if text[span.start : span.end].strip() == text[span.start : span.end]]
    return text, tuple(span for span in kept if draw(st.booleans()))


@settings(max_examples=300)
@given(texts_with_spans())
def test_characters_say_every_span(made):
    text, spans = made
    tokens = characters(text)
    tags = tags_of(tokens, spans, CLASSES)
    assert spans_of(tags, tokens, text, CLASSES) == spans
    assert best_tags(np.eye(7)[tags]).tolist() == tags.tolist()


@pytest.mark.parametrize(
    ("tokens", "spans", "tags"),
    [
        ([(0, 2), (2, 4), (4, 6)], [Span(1, 5, "a")], [1, 2, 2]),  # partly inside is inside
        ([(0, 2), (2, 4)], [Span(1, 2, "a"), Span(2, 4, "b")], [1, 3]),
        ([(0, 4)], [Span(0, 1, "a"), Span(1, 4, "b")], [3]),  # the larger share
        ([(0, 4)], [Span(0, 2, "a"), Span(2, 4, "b")], [1]),
        ([(-1, -1), (0, 1), (1, 1), (1, 2), (-1, -1)], [Span(0, 2, "c")], [IGNORED, 5, IGNORED, 6, IGNORED]),
        ([(4, 6), (6, 8)], [Span(2, 7, "a")], [2, 2]),  # a piece that begins within
        ([(0, 1), (0, 1), (1, 2)], [Span(0, 1, "a"), Span(1, 2, "a")], [1, 2, 1]),  # bytes of one character
        ([(0, 1)], [], [0]),
        ([(0, 1)], [Span(3, 4, "a")], [0]),
    ],
)
def test_tags(tokens, spans, tags):
    assert tags_of(np.array(tokens), spans, CLASSES).tolist() == tags


def test_blanks_and_shared_characters():
    tokens = np.array([(0, 1), (1, 4), (4, 6), (5, 7), (7, 8)])
    said = spans_of(np.array([0, 1, 2, 3, 5]), tokens, "a bc de ", CLASSES)
    assert said == (Span(2, 6, "a"), Span(6, 7, "b"))
    assert spans_of(np.array([2, 4]), np.array([(0, 1), (1, 2)]), "ab", CLASSES) == (Span(0, 1, "a"), Span(1, 2, "b"))


@settings(max_examples=50)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_best_tags_are_the_best_of_all(length, seed):
    scores = np.random.default_rng(seed).normal(size=(length, 5))

    def holds(tags):
        return all(tag % 2 or not tag or before in (tag, tag - 1) for before, tag in zip((0, *tags), tags))

    best = max(filter(holds, itertools.product(range(5), repeat=length)), key=lambda t: scores[range(length), t].sum())
    assert best_tags(scores).tolist() == list(best)


def test_nothing():
    assert best_tags(np.zeros((0, 3))).tolist() == []
    assert spans_of(np.zeros(0, np.int64), np.zeros((0, 2), np.int64), "", CLASSES) == ()
    assert tags_of(np.zeros((0, 2), np.int64), [], CLASSES).tolist() == []
    assert tags_of(np.zeros((0, 2), np.int64), [Span(0, 1, "a")], CLASSES).tolist() == []
