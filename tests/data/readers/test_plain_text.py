"""Plain text: what one document is, where it begins, how long it may be, and that blocks of rows are the same rows."""

from __future__ import annotations

import io

import pytest

from headstart.data.ledger import Ledger
from headstart.data.readers import txt
from headstart.data.readers.txt import Text
from headstart.data.row import MAX_ROW_BYTES, ByteStream, Source


def source(data: bytes) -> Source:
    return Source("f", ByteStream(io.BytesIO(data)))


def read(text: str | bytes, unit: str = "auto") -> tuple[list[tuple[str, int]], Ledger]:
    data, ledger = text if isinstance(text, bytes) else text.encode(), Ledger()
    return [(row.value, row.line) for row in Text(unit=unit).read(source(data), ledger)], ledger


def chosen(text: str | bytes) -> str:
    """Return the unit that is told."""
    (note,) = read(text)[1].notes
    return note.removeprefix("f: one document per ").partition(" ")[0]


LINES = ["some words"] * 200
SNIFFED = 1 << 16  # characters, as the docstring says


def parts(*counts: int, blank: int = 1) -> str:
    """Return parts of so many lines with so many blank lines between them."""
    return ("\n" * (blank + 1)).join("\n".join(LINES[:count]) for count in counts)


UNITS = [
    ("a", "line"),
    ("a\nb\n", "line"),
    ("a\n\nb", "paragraph"),
    ("a\n\n\n\n", "line"),
    ("\n\na\n\n", "line"),
    ("\n\na\n\nb\n", "paragraph"),
    ("a\n \nb", "paragraph"),
    (parts(50, 50), "paragraph"),
    (parts(50, 51), "line"),
    (parts(45, 45, blank=30), "paragraph"),
    (parts(40, 40, 40), "paragraph"),
    (parts(75, 75), "line"),
    (b"\xff\n\nb", "paragraph"),
    (b"\xff\nb", "line"),
    ("a\n" + "\n" * (SNIFFED - 2) + "b", "paragraph"),
    ("a\n" + "\n" * (SNIFFED - 1) + "b", "line"),
    (("a" * 999 + "\n") * 40 + "\n" + parts(9, 9, 9), "paragraph"),
    (("a" * 999 + "\n") * 100 + "\n" + parts(9, 9, 9), "line"),
]


@pytest.mark.parametrize(("text", "unit"), UNITS)
def test_the_first_64_ki_characters_tell_lines_from_paragraphs(text, unit):
    assert chosen(text) == unit


def test_documents_by_unit_and_where_they_begin():
    text = "\none\ntwo\n\n \nthree\n\n\nfour"
    assert read(text, "paragraph")[0] == [("one\ntwo", 2), ("three", 6), ("four", 9)]
    assert read(text)[0] == read(text, "paragraph")[0]
    assert read(text, "file")[0] == [(text, 1)]
    assert read(text, "line")[0] == [(line, number) for number, line in enumerate(text.split("\n"), 1)]
    assert read(" \n\n", "file")[0] == read(" \n\n", "paragraph")[0] == []
    assert not read(text, "line")[1].notes
    assert Text().with_unit("file") == Text(unit="file")


@pytest.mark.parametrize(
    ("unit", "rows"),
    [
        ("line", [("a", 1), ("", 3), ("c", 4), ("d", 6)]),
        ("paragraph", [("a", 1), ("c\nd", 4)]),
        ("file", [("a\n\nc\nd", 1)]),
    ],
)
def test_a_line_that_is_no_text_is_left_out_and_named(unit, rows):
    found, ledger = read(b"a\n\xff\n\nc\n\xfe\xff\nd\n", unit)
    assert found == rows
    assert dict(ledger.skipped) == {"not valid UTF-8": 2}
    assert [told.partition(": ")[0] for told in ledger.complaints] == ["f:2", "f:5"]


def test_a_document_counts_three_bytes_a_character_and_one_an_end_of_line(monkeypatch):
    """So many at most; one more, and it is cut between two lines."""
    long, whole = "abcd\n" * 9, 13 * 8 + 12
    for unit, text, number in [("file", long, 1), ("paragraph", f"{long}\nab\n", 1), ("paragraph", f"ab\n\n{long}", 3)]:
        monkeypatch.setattr(txt, "MAX_ROW_BYTES", whole)
        documents, ledger = read(text, unit)
        assert (long.rstrip(), number) in documents
        assert not ledger.notes
        monkeypatch.setattr(txt, "MAX_ROW_BYTES", whole - 1)
        documents, ledger = read(text, unit)
        assert {(long.rstrip()[:-5], number), ("abcd", number + 8)} <= set(documents)
        assert ledger.notes == ["f: a document was cut into pieces of at most 16 MiB"]


def test_a_document_is_cut_at_sixteen_mebibytes():
    line = "a" * (1 << 18)  # three quarters of a mebibyte, as they are counted
    for count, pieces in [(21, 1), (22, 2), (43, 3)]:
        documents, ledger = read((line + "\n") * count, "file")
        assert bool(ledger.notes) == (pieces > 1)
        assert len(documents) == pieces
        assert "\n".join(text for text, _ in documents) == "\n".join([line] * count)


TEXTS = {
    "nothing": b"",
    "one line": b"words",
    "lines": b"one\r\ntwo\n\nthree",
    "paragraphs": b"one\ntwo\n\nthree\n\n\nfour\n",
    "a line that is no text": b"one\n\xff\nthree\n\nfour\n",
    "more lines than are looked at": b"some words\n" * 9000 + b"last",
    "long lines": (b"a" * 40_000 + b"\n") * 4,
    "a line that is longer than what is looked at": b"one\n" + b"a" * 70_000 + b"\ntwo\nthree\n",
    "a line that is cut": b"one\n" + b"a" * (MAX_ROW_BYTES + 9) + b"\ntwo\nthree\n",
}


@pytest.mark.parametrize("unit", ["auto", "line", "paragraph", "file"])
def test_blocks_are_the_same_rows(unit):
    for name, data in TEXTS.items():
        ledger, known = Ledger(), read(data, unit)
        blocks = list(Text(unit=unit).blocks(source(data), ledger))
        assert {block.source for block in blocks} <= {"f"}, name
        found = [(row.value, row.line) for block in blocks for row in block.rows()]
        assert (found, ledger) == known, name


def test_a_line_alone_is_cut_where_it_has_more_bytes_than_a_document_may_have():
    for size, lengths in [(MAX_ROW_BYTES // 2, [MAX_ROW_BYTES // 2]), (MAX_ROW_BYTES + 9, [MAX_ROW_BYTES, 9])]:
        documents, ledger = read(b"a" * size, "paragraph")
        assert [len(text) for text, _ in documents] == lengths
        assert len(ledger.notes) == len(lengths) - 1


def test_nothing_is_left_over_from_one_text_to_the_next(monkeypatch):
    for text, unit in UNITS:
        test_the_first_64_ki_characters_tell_lines_from_paragraphs(text, unit)
    for unit in ("auto", "line"):
        test_blocks_are_the_same_rows(unit)
    test_documents_by_unit_and_where_they_begin()
    test_a_document_counts_three_bytes_a_character_and_one_an_end_of_line(monkeypatch)
