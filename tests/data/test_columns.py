"""Columns are guessed by usual names; a heading is the text only where nothing longer is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data import columns
from headstart.data.columns import (
    MOST_COLUMNS,
    cell,
    columns_of,
    guess_label,
    guess_text,
    named_columns,
    need_columns,
    sample_rows,
    shown_names,
    written_out,
)
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


def test_65_536_columns_are_read():
    need_columns(65_536, "f.csv")
    with pytest.raises(HeadstartError, match="more than 65,536 columns"):
        need_columns(65_537, "f.csv")


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        # Every value counts 16 characters more: 16 rows of 2**20 are as many as are looked at, and one more ends it.
        ("x" * ((1 << 20) - 16), 17),
        ("x" * ((1 << 20) - 15), 16),
        ({"a": "x" * ((1 << 20) - 32)}, 17),
        ({"a": b"x" * ((1 << 20) - 31)}, 16),
        ({"a": ["x" * ((1 << 20) - 48), 1.5][:1]}, 17),
        ({"a": ["x" * ((1 << 20) - 48), 1.5]}, 16),
        ("x" * (1 << 25), 1),
        ("", 200),
    ],
    ids=range(8),
)
def test_columns_are_told_by_16_mi_characters_of_200_rows(value, rows):
    assert len(sample_rows(iter([Row(value, "f", 1)] * 300))) == rows


def test_columns_of_all_rows_are_counted_together():
    found = [Row({str(place): 1}, "f", 1) for place in range(200)]
    assert len(sample_rows(iter(found))) == 200
    wide = [Row(dict.fromkeys(map(str, range(at, at + 40_000))), "f", 1) for at in (0, 20_000, 40_000)]
    assert len(sample_rows(iter(wide[:2]))) == 2
    with pytest.raises(HeadstartError, match="f: more than 65,536 columns"):
        sample_rows(iter(wide))


def image(name: str) -> ImageRef:
    return ImageRef(name, b"", "")


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        # A column with an image holds images; a text by a common name goes before them, a longer one does not.
        ([{"a": "n", "one": None, "two": image("b")}, {"a": "n", "one": image("a"), "two": None}], "one"),
        ([{"text": "some words", "picture": image("a")}], "text"),
        ([{"notes": LONG, "picture": image("a")}], "picture"),
        # A column of a common name without texts is none.
        ([{"text": None, "said": "some words", "more": "x"}] * 2, "said"),
        ([{"text": " " * 9, "said": "some words", "more": "x"}] * 2, "said"),
        ([{"text": "short", "said": LONG}], "text"),
        ([{"text": f"text {'ab'[number % 2]}", "said": f"{number} {LONG}"} for number in range(8)], "text"),
        ([{"text": "the same", "said": f"{number} {LONG}"} for number in range(5)], "said"),
        ([{"text": "the same", "said": f"{number} {LONG}"} for number in range(4)], "text"),
        # Of columns that differ by capitals the first one.
        ([{"Text": "one", "TEXT": "other", " text ": "third"}], "Text"),
        # A heading goes before shorter and somewhat longer columns, not before one twice as long.
        ([{"title": "x" * 10 + f" {number}", "b": "y" * 23 + "z" * (number % 2)} for number in range(4)], "title"),
        ([{"title": "x" * 10 + f" {number}", "b": "y" * 24 + "z" * (number % 2)} for number in range(4)], "b"),
        # Codes beside texts that are more than four times as long; names of five characters are no codes.
        ([{"question": f"q{number:03}", "b": "y" * 14 + f" {number}"} for number in range(4)], "question"),
        ([{"question": f"q{number:03}", "b": "y" * 15 + f" {number}"} for number in range(4)], "b"),
        ([{"question": f"q{number:04}", "b": LONG + f" {number}"} for number in range(4)], "question"),
        # Where nothing but an origin is there, it is the text; else it is none, nor is what holds no words.
        ([{"source": LONG, "n": 1999}], "source"),
        ([{"source": LONG, "n": "abc"}], "n"),
        ([{"a": "https://a.org/a/long/path/to/it", "b": "word"}, {"a": "12.5", "b": "two"}], "b"),
        ([{"a": "https://a.org/a/long/path/to/it", "b": "word"}, {"a": "words of it", "b": "two"}], "a"),
    ],
)
def test_which_column_holds_the_texts(rows, found):
    assert guess_text(rows, "t.csv")[0] == found


def test_why_a_column_is_the_text():
    assert guess_text([{"a": "x", "b": LONG}], "t.csv") == ("b", f"the longest, {len(LONG)} characters on average")
    assert guess_text([{"a": "xx", "b": "x"}, {}], "t.csv") == ("a", "the longest, 1 characters on average")
    assert guess_text([{"text": "words", "b": LONG}], "t.csv") == ("text", "a common name")
    assert guess_text([{"text": "x", "b": LONG}], "t.csv", ["text"])[0] == "b"
    assert guess_text([{"a": "x", "b": image("a")}], "t.csv") == ("b", "it holds images")
    for rows in ([], [{}], [{"a": 1, "b": ""}]):
        with pytest.raises(HeadstartError, match="no column holds texts or images"):
            guess_text(rows, "t.csv")


def test_why_a_column_is_the_label():
    rows = [{"a": f"text {number}", "b": "xyz"[number % 3]} for number in range(12)]
    assert guess_label(rows, "t.csv", ["a"]) == ("b", "3 different values in the first 12 rows")
    assert guess_label([row | {"Class": "c"} for row in rows], "t.csv", []) == ("Class", "a common name")
    for some in (rows[:11], [row | {"c": "uv"[number % 2]} for number, row in enumerate(rows)]):
        with pytest.raises(HeadstartError, match=r"which column is the label\? name it with --label"):
            guess_label(some, "t.csv", ["a"])


def test_names_of_columns_are_gathered_and_shown():
    assert columns_of([{"b": 1}, {"a": 1, "b": 2}, {}]) == ["b", "a"]
    assert named_columns("a, b ,c") == ["a", "b", "c"]
    many = [f"c{number}" for number in range(31)]
    assert shown_names(many[:30]) == ", ".join(many[:30])
    assert shown_names(many) == ", ".join(many[:30]) + " ..."


@pytest.mark.parametrize("text", ["[" * 90_000, "-" * 90_000 + "1", "words of a text", "[1, 2", "", "1 +", "{'a': b}"])
def test_what_is_no_value_is_none_written_out(text):
    assert written_out(text) is None


def test_a_million_characters_may_write_out_a_value():
    value = [1] * 349_525
    text = str(value)
    assert len(text) == 1_048_575
    assert written_out(text) == value
    assert written_out(text + " ") == value
    assert written_out(text + "  ") is None


def test_cells_that_are_texts_or_have_none():
    assert [cell(value) for value in ("NA", True, False, 1, 2.5)] == ["NA", "true", "false", "1", "2.5"]
    assert [cell(value) for value in (None, [], {})] == [None, None, None]
