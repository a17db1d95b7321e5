"""Framed pieces: cut at the end or overlapping, pairs at the longer text, the characters of every token."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.data.encode_examples import encode_examples, take_pieces

TEXT = ["가나다라마바사", "영화가 참 좋았다", "é e\u0301 🙂 x"]


@pytest.fixture(scope="module")
def tokenizer():
    return registry.load("processor", "char")().train(iter([*TEXT, "가", "다"] * 3))


def test_rows_too_long_are_cut_and_counted(tokenizer):
    first = ["가" * n for n in (3, 14, 15, 40, 0)]
    rows = encode_examples(tokenizer, Examples(first), longest=16)
    assert [len(ids) for ids in rows.inputs] == [5, 16, 16, 16, 2]
    assert rows.owner_P.tolist() == [0, 1, 2, 3, 4]
    assert rows.cut == 2
    assert rows.segment_ids is rows.spans is None
    assert encode_examples(tokenizer, Examples(first), longest=None).cut == 0


@pytest.mark.parametrize(
    ("one", "two", "kept"),
    [
        (3, 4, (3, 4)),
        (6, 7, (6, 7)),
        (30, 4, (9, 4)),
        (4, 30, (4, 9)),
        (30, 30, (7, 6)),
        (7, 7, (7, 6)),
        (0, 50, (0, 13)),
    ],
)
def test_pairs_are_cut_at_the_longer_text(tokenizer, one, two, kept):
    rows = encode_examples(tokenizer, Examples(["가" * one], ["다" * two]), longest=16)
    assert rows.cut == (one + two > 13)
    first, second = tokenizer.encode(["가" * kept[0], "다" * kept[1]])
    expected = tokenizer.add_special_tokens(first, second)
    assert rows.inputs[0].tolist() == expected[0].tolist()
    assert rows.segment_ids[0].tolist() == expected[1].tolist()


@pytest.mark.parametrize("length", [0, 1, 8, 9, 10, 14, 40, 41, 100])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_pieces_overlap_and_lose_nothing(tokenizer, length, overlap):
    text = "가나다라마바사" * 20
    rows = encode_examples(tokenizer, Examples([text[:length]]), longest=10, spans=True, overlap=overlap)
    assert rows.cut == 0
    seen = [spans[1:-1, 0].tolist() for spans in rows.spans]
    assert sorted({at for piece in seen for at in piece}) == list(range(length))
    assert all(len(ids) <= 10 for ids in rows.inputs)
    assert all(piece for piece in seen) or length == 0
    for before, after in itertools.pairwise(seen):
        assert len(set(before) & set(after)) == int(8 * overlap)
    assert len(seen) == 1 or seen[-1][-1] == length - 1 > seen[-2][-1]  # no piece says nothing new


@pytest.mark.parametrize(("one", "two"), [(3, 50), (30, 50), (30, 4), (3, 4)])
def test_of_pairs_the_second_text_is_read_in_pieces(tokenizer, one, two):
    examples = Examples(["가" * one, "가"], ["다" * two, "다다"])
    rows = encode_examples(tokenizer, examples, longest=16, spans=True, overlap=0.5)
    kept = one if one + two <= 13 else min(one, 13 // 2)
    assert rows.cut == int(kept < one)
    assert rows.owner_P[-1] == 1
    found = []
    for ids, segment_ids, spans in zip(rows.inputs[:-1], rows.segment_ids, rows.spans):
        assert len(ids) == len(segment_ids) == len(spans) <= 16
        real = spans[:, 1] > spans[:, 0]
        assert spans[real & (segment_ids == 0), 0].tolist() == list(range(kept))
        found += spans[real & (segment_ids == 1), 0].tolist()
        assert int((~real).sum()) == 3
    assert sorted(set(found)) == list(range(two))


def test_spans_are_the_characters_of_the_text_as_given(tokenizer):
    rows = encode_examples(tokenizer, Examples(TEXT), longest=None, spans=True)
    for text, spans in zip(TEXT, rows.spans):
        assert spans[0].tolist() == spans[-1].tolist() == [-1, -1]
        covered = {at for start, end in spans[1:-1] for at in range(start, end)}
        assert {at for at, sign in enumerate(text) if not sign.isspace()} <= covered


def test_pieces_of_some_examples(tokenizer):
    rows = encode_examples(
        tokenizer, Examples(["가" * n for n in (3, 30, 5, 30)]), longest=10, spans=True, overlap=0.25
    )
    kept = take_pieces(rows, np.array([1, 2]))
    assert kept.owner_P.tolist() == [0] * (len(kept.inputs) - 1) + [1]
    assert [ids.tolist() for ids in kept.inputs] == [
        ids.tolist() for ids, owner in zip(rows.inputs, rows.owner_P) if owner in (1, 2)
    ]
    assert len(kept.spans) == len(kept.inputs)
