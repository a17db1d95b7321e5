"""Where a choice of the readers turns: the last case on this side and the first on the other."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import columns, row
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, expand, read_rows
from headstart.data.readers.fasttext import FastText
from headstart.data.row import Row, lines


def guessed(**cells: list) -> str:
    """The text column of rows with these columns."""
    rows = [dict(zip(cells, values)) for values in zip(*cells.values())]
    return columns.guess_text(rows, "t.csv")[0]


def long(length: int, count: int = 8) -> list[str]:
    return [f"{number}{'a' * (length - 1)}" for number in range(count)]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        # A heading is the text unless another column is twice as long.
        ({"title": long(20), "other": long(39)}, "title"),
        ({"title": long(20), "other": long(40)}, "other"),
        # A common name counts, however short, unless it holds codes beside much longer texts.
        ({"text": long(5), "comment": long(90)}, "text"),
        ({"text": long(4), "comment": long(16)}, "text"),
        ({"text": long(4), "comment": long(17)}, "comment"),
        # Where a text is from is none, however long; it is where nothing else is there.
        ({"url": long(90), "said": long(9)}, "said"),
        ({"source": long(9), "number": [1, 2, 3, 4, 5, 6, 7, 8]}, "source"),
        # A column of one text in several rows, of numbers or links, holds no texts.
        ({"note": ["the same words every time"] * 5, "said": long(9, 5)}, "said"),
        ({"note": ["the same words every time"] * 4, "said": long(9, 4)}, "note"),
        ({"page": ["https://example.org/a/long/path"] * 4 + long(3, 3), "said": long(9, 7)}, "said"),
        ({"page": ["https://example.org/a/long/path"] * 4 + long(30, 4), "said": long(9)}, "page"),
        ({"when": ["2024-01-01 and more of it"] * 8, "said": long(9)}, "said"),
    ],
)
def test_which_column_is_the_text(cells, found):
    assert guessed(**cells) == found


def test_no_column_of_texts():
    with pytest.raises(HeadstartError, match=r"no column holds texts or images \(columns: a, b\)"):
        columns.guess_text([{"a": 1, "b": None}, {"a": 2, "b": []}], "t.csv")


@pytest.mark.parametrize(("different", "rows", "found"), [(1, 9, False), (2, 3, True), (3, 12, True), (4, 12, False)])
def test_which_column_is_the_label(different, rows, found):
    """Two to a quarter as many values as rows, at least two."""
    made = [{"words": f"text {number}", "kind": f"k{number % different}"} for number in range(rows)]
    if found:
        why = f"{different} different values in the first {rows} rows"
        assert columns.guess_label(made, "t.csv", ["words"]) == ("kind", why)
        assert columns.guess_label(made, "t.csv", []) == ("kind", why)
    else:
        with pytest.raises(HeadstartError, match="which column is the label"):
            columns.guess_label(made, "t.csv", [])


def test_two_columns_of_few_values_are_no_label():
    made = [{"a": f"x{number % 2}", "b": f"y{number % 2}"} for number in range(9)]
    with pytest.raises(HeadstartError, match=r"name it with --label \(columns: a, b\)"):
        columns.guess_label(made, "t.csv", [])
    assert columns.guess_label([one | {" Label ": "z"} for one in made], "t.csv", [])[0] == " Label "


@pytest.mark.parametrize(("count", "ending"), [(29, "c28"), (30, "c29"), (31, "c29 ..."), (40, "c29 ...")])
def test_names_of_columns_in_a_message(count, ending):
    told = columns.shown_names([f"c{number}" for number in range(count)])
    assert told.endswith(ending)
    assert told.startswith("c0, c1, c2")


def test_a_sample_of_rows_ends_by_count_or_by_size(monkeypatch):
    made = [Row({"a": "x" * 10}, "t", number) for number in range(300)]
    assert len(columns.sample_rows(iter(made))) == 200
    one = columns._size(made[0].value)
    assert one == 10 + 2 * 16  # the cell, and what the row and the cell count besides
    monkeypatch.setattr(columns, "SAMPLE_SIZE", 5 * one)
    assert len(columns.sample_rows(iter(made))) == 6
    monkeypatch.setattr(columns, "SAMPLE_SIZE", 5 * one - 1)
    assert len(columns.sample_rows(iter(made))) == 5
    assert columns._size([b"abc", ("de", {"k": "f"}), 7]) == 6 + 7 * 16


def test_as_many_columns_as_are_read(monkeypatch):
    monkeypatch.setattr(columns, "MOST_COLUMNS", 3)
    narrow = [Row({"a": 1, "b": 2}, "t.csv", 1), Row("plain", "t.csv", 2), Row({"c": 1}, "t.csv", 3)]
    assert len(columns.sample_rows(iter(narrow))) == 3
    with pytest.raises(HeadstartError, match="more than 3 columns"):
        columns.sample_rows(iter([*narrow, Row({"d": 1}, "t.csv", 4)]))


@pytest.mark.parametrize(
    ("value", "text"), [("nan", "nan"), (None, None), ([1], None), ({}, None), (True, "true"), (1.5, "1.5"), (0, "0")]
)
def test_a_cell_as_text(value, text):
    assert columns.cell(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [('["a", 1]', ["a", 1]), ("['a', None]", ["a", None]), (" {'a': True} ", {"a": True}), ("plain words", None)],
)
def test_a_value_that_is_written_out(text, value, monkeypatch):
    assert columns.written_out(text) == value
    monkeypatch.setattr(columns, "_LONGEST_LIST", len(text))
    assert columns.written_out(text) == value
    monkeypatch.setattr(columns, "_LONGEST_LIST", len(text) - 1)
    assert columns.written_out(text) is None


def test_label_columns():
    assert columns.label_columns("a,b", ["a,b", "a", "b"], "t") == ["a,b"]
    assert columns.label_columns(" b , a", ["a", "b"], "t") == ["b", "a"]
    with pytest.raises(HeadstartError, match="no label column 'bb'"):
        columns.label_columns("a,bb", ["a", "b"], "t")
    assert columns.label_cell({"a": 1}, "a") == 1
    assert columns.label_cell({"a": 1}, "b") is None
    assert columns.label_cell({"a,b": 1, "a": 2}, "a,b") == 1
    assert columns.label_cell({"a": 1, "b": 2}, "b,a") == {"b": 2, "a": 1}
    assert type(columns.label_cell({"a": 1}, "a,b")) is columns.Cells


def laid(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text\nsome words\n")
    return folder


@pytest.mark.parametrize(("count", "told"), [(1, "(0.x)"), (3, "(0.x, 1.x, 2.x)"), (4, "(0.x, 1.x, 2.x ...)")])
def test_what_is_passed_over_is_told(tmp_path, count, told):
    ledger = Ledger()
    folder = laid(tmp_path, "a.csv", *(f"{number}.x" for number in range(count)))
    assert expand(folder, ledger) == [str(folder / "a.csv")]
    assert ledger.notes == [f"{folder}: passed over {count} of unknown format {told}"]
    assert expand(folder) == [str(folder / "a.csv")]


def test_what_lies_beside_data(tmp_path):
    """A packed copy, README.txt, hidden files and pictures are none; README.txt alone is data."""
    ledger = Ledger()
    folder = laid(
        tmp_path / "d", "a.csv", "a.csv.gz", "b.csv.gz", "README.txt", ".c.csv", ".git/d.csv", "e/f.tsv", "g.png"
    )
    assert expand(folder, ledger) == [str(folder / name) for name in ("a.csv", "b.csv.gz", "e/f.tsv")]
    assert any("1 images lie in it; those that a table names are read" in note for note in ledger.notes)
    assert expand(laid(tmp_path / "one", "README.txt")) == [str(tmp_path / "one/README.txt")]
    with pytest.raises(HeadstartError, match="no file to read in this folder; it is empty"):
        expand(laid(tmp_path / "two", ".x.csv"))
    with pytest.raises(HeadstartError, match=r"it holds 0\.x, 1\.x, 2\.x \(known"):
        expand(laid(tmp_path / "three", *(f"{number}.x" for number in range(4))))
    with pytest.raises(HeadstartError, match="no file given"):
        expand([])
    assert expand([folder / "a.csv", folder / "a.csv", "-"]) == [str(folder / "a.csv"), "-"]


@pytest.mark.parametrize(
    ("name", "head", "reader"),
    [
        ("a.txt", b"__label__a one\n__label__b two\n", "fasttext"),
        ("a.txt", b"__label__a one\n", "text"),
        ("a.csv", b"__label__a one\n__label__b two\n", "fasttext"),
        ("a.csv", b"text,label\none,x\n", "csv"),
        ("a.csv", b"PK\x03\x04 xl/workbook", "excel"),
        ("a.json", b'{"data": [{"paragraphs": [{"qas": []}]}]}', "squad"),
        ("a.json", b'{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}', "coco"),
        ("a.jsonl", b'{"text": "a"}', "json_lines"),
        ("a", b"PAR1", "parquet"),
        ("a", b"plain words", "text"),
    ],
)
def test_a_reader_is_chosen_by_name_and_by_what_it_looks_like(name, head, reader):
    kind = type(choose_reader(name, head)).__name__
    assert kind.casefold() == reader.replace("_", "")


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"__label__a x\n\n __label__b y", True),
        (b"__label__a x\n", False),
        (b"__label__a x\nplain\n", False),
        (b"__label__a x\n" * 20 + b"plain\n", True),
        (b"__label__a x\n" * 19 + b"plain\n", False),
    ],
)
def test_lines_of_fasttext_are_known(head, found):
    assert FastText.recognises(head) is found


def test_lines_of_fasttext(tmp_path):
    (tmp_path / "a.ft").write_text("__label__a one\n__label__a,  __label__b two\nno label\n__label__c\n\n")
    rows = [one.value for one in read_rows(str(tmp_path / "a.ft"), Ledger())]
    labels = ["a", ["a", "b"], None, "c"]
    assert rows == [{"text": text, "label": label} for text, label in zip(["one", "two", "no label", ""], labels)]


@pytest.mark.parametrize("limit", [4, 5, 6, 7, 9, 11])
@pytest.mark.parametrize("text", ["가나다라마바사", "aé가🙂bc가나다", "🙂🙂🙂🙂", "plain words of ascii"])
def test_a_long_line_is_cut_between_characters(text, limit, monkeypatch):
    monkeypatch.setattr(row, "MAX_ROW_BYTES", limit)
    data = f"{text}\nshort\n".encode()
    source = row.Source("t.txt", io.BufferedReader(io.BytesIO(data)))
    found = list(lines(source, cut=True))
    assert all(line.text is not None for line in found), [line.fault for line in found]
    first = [line.text for line in found if line.number == 1]
    assert "".join(first) == text
    assert len(first) > 1
    assert all(len(part.encode()) <= limit + 3 for part in first)


def test_plain_text_is_no_table_where_none_is_wanted():
    head = b"__label__a one\n__label__b two\n"
    assert type(choose_reader("a.txt", head, tables=True)) is FastText
    assert type(choose_reader("a.txt", head, tables=False)).__name__ == "Text"
