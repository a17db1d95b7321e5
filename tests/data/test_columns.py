"""Columns are guessed by usual names; a heading is the text only where nothing longer is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import HeadstartError
from headstart.data import columns
from headstart.data.columns import MOST_COLUMNS, guess_text, sample_rows, written_out
from headstart.data.dialect import column_names
from headstart.data.row import Row

LONG = "a long text of many words, " * 5


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"title": "a title", "abstract": LONG}, "abstract"),
        ({"title": "a title", "plot": LONG}, "plot"),
        ({"title": "a title of some words", "year": "1999"}, "title"),
        ({"제목": "짧은 제목", "줄거리": "아주 긴 줄거리입니다. " * 9}, "줄거리"),
        ({"text": "short", "notes": LONG}, "text"),
        ({"label": "a", "body": "short", "title": LONG}, "body"),
    ],
)
def test_the_text_of_a_table(row, column):
    assert guess_text([row] * 3, "rows.csv")[0] == column


def names_one_by_one(names):
    """What `column_names` gives where no name comes more than eight times, found slowly."""
    out = []
    for position, name in enumerate(names, 1):
        name = name.strip() or str(position)
        while name in out:
            name += "_2"
        out.append(name)
    return out


@given(st.lists(st.sampled_from(["", "a", "b", " a ", "a_2", "a_2_2", "2", "3", "4_2"]), max_size=8))
def test_repeated_names_get_suffixes(names):
    assert column_names(names) == names_one_by_one(names)


def test_very_many_equal_names_are_numbered():
    found = column_names(["a"] * 12)
    assert found[:3] == ["a", "a_2", "a_2_2"]
    assert found[8:] == ["a_9", "a_10", "a_11", "a_12"]
    assert column_names(["a_9", *["a"] * 10])[-2:] == ["a_10", "a_11"]


def test_fewer_rows_are_looked_at_where_they_are_large(monkeypatch):
    rows = [Row({"a": "x" * 1_000, "b": {"c": ["y" * 1_000]}}, "f", 1)] * 300
    assert len(sample_rows(iter(rows))) == 200
    monkeypatch.setattr(columns, "SAMPLE_SIZE", 20_000)
    assert len(sample_rows(iter(rows))) == 10
    assert len(sample_rows(iter([Row("x" * 30_000, "f", 1)] * 3))) == 1


def test_a_table_has_a_largest_number_of_columns():
    with pytest.raises(HeadstartError, match="more than 65,536 columns"):
        sample_rows(iter([Row(dict.fromkeys(map(str, range(MOST_COLUMNS + 1))), "f.csv", 1)]))


def test_very_long_texts_write_out_nothing():
    assert written_out("[1, 2]") == [1, 2]
    assert written_out("[" + "1," * (1 << 20) + "1]") is None
