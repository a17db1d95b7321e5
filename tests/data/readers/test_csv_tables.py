"""Tables of lines: which streams are taken for one, what decides how they are written, what is said of their rows."""

from __future__ import annotations

import io

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.readers.csv import Csv
from headstart.data.row import ByteStream, Source

HEAD = 1 << 16  # bytes by which a stream is recognised


def read(text: str, **how: object) -> tuple[list, Ledger]:
    ledger = Ledger()
    return list(Csv(**how).read(Source("f", ByteStream(io.BytesIO(text.encode()))), ledger)), ledger


def told(text: str, **how: object) -> str:
    return " | ".join(read(text, **how)[1].notes)


ROW = "some words\tmore words\n"
LONG_ROW = "a" * 799 + "\t" + "b" * 799 + "\n"
LINES_IN_A_CELL = '"one\ntwo"\tthree\n'
STREAMS = {
    "three lines with a tab": (ROW * 3, True),
    "two lines with a tab": (ROW * 2, False),
    "three lines, the last one without its end": ((ROW * 3).rstrip(), True),
    "lines that end with carriage returns": ((ROW * 3).replace("\n", "\r"), True),
    "a blank line between them": (ROW * 2 + "\n" + ROW, True),
    "two lines and a blank one": (ROW * 2 + "\n", False),
    "words without a tab": ("some words\n" * 9, False),
    "three cells": ("a\tb\tc\n" * 4, True),
    "one line with a tab more": (ROW * 9 + "a\tb\tc\n", False),
    "one line that begins with a tab": (ROW * 9 + "\twords\n", False),
    "all lines begin with a tab": ("\twords\n" * 9, False),
    "commas under usual names": ("text,label\n" + "some words,x\n" * 4, True),
    "commas under one usual name": ("text,whatever\n" + "some words,x\n" * 4, True),
    "commas under no usual name": ("whatever,other\n" + "some words,x\n" * 4, False),
    "commas without names": ("some words,x\n" * 9, False),
    "another line after thirty": (ROW * 30 + "plain words\n" + ROW * 9, False),
    "another line after eighty": (ROW * 80 + "plain words\n" + ROW * 9, True),
    "a cell of two lines across the fiftieth": ("a\tb\n" + LINES_IN_A_CELL * 40, True),
    "a cell of two lines across the fiftieth, later": (ROW + "a\tb\n" + LINES_IN_A_CELL * 40, True),
    "three long lines": ("\n".join(["a" * 15_000 + "\tb"] * 3), True),
    "long lines of which the last one is cut": ((LONG_ROW * 60)[:HEAD], True),
    "long lines of which the last one is cut in its first cell": ((LONG_ROW * 60)[: HEAD - HEAD % 1600], True),
    "two long lines and a part of one": ("\n".join(["a" * 30_000 + "\tb"] * 2 + ["a" * HEAD + "\tb"])[:HEAD], False),
    "few cells of two lines, the last one cut": ((f'{"a" * 2000}\t"b\n{"c" * 2000}"\n' * 30)[:HEAD], True),
    "few long lines that fit": ((LONG_ROW * 60)[: HEAD - 200].rpartition("\n")[0], True),
}


def test_streams_that_are_taken_for_a_table():
    found = {name: Csv.recognises(text.encode()) for name, (text, _) in STREAMS.items()}
    assert found == {name: wanted for name, (_, wanted) in STREAMS.items()}
    assert Csv.plain


def test_the_first_thousand_lines_decide():
    """As docs/files.md says; the column names are one of them."""
    for count, looked_at in [(2000, 999), (999, 999), (998, 998), (9, 9)]:
        notes = told("text,label\n" + '"some, words",x\n' * count)
        assert f"{looked_at:,} of the first {looked_at:,} rows agree" in notes


def test_the_first_four_million_characters_decide():
    cell = '"' + "a," * 49_999 + '"'  # 100,000 characters, of a line with 3 more
    notes = told("text,label\n" + f"{cell},x\n" * 60)
    assert "42 of the first 42 rows agree" in notes  # 4,194,304 / 100,002 are 41.9


def test_every_row_is_given_or_told_of():
    lines = [
        "text;label;n",
        '"one; words";x;1',
        "",
        '"two ""words""";y;2',
        "a;b",
        "Text ; LABEL;N",
        '"three',
        'lines";x;3',
    ]
    rows, ledger = read("\n".join([*lines, 'four" inch;y;4', ""]))
    assert [(row.line, row.source, row.value) for row in rows] == [
        (2, "f", {"text": "one; words", "label": "x", "n": "1"}),
        (4, "f", {"text": 'two "words"', "label": "y", "n": "2"}),
        (7, "f", {"text": "three\nlines", "label": "x", "n": "3"}),
        (9, "f", {"text": 'four" inch', "label": "y", "n": "4"}),
    ]
    assert dict(ledger.skipped) == {"wrong number of cells": 1, "the column names again": 1}
    assert ledger.complaints == [
        "f:5: wrong number of cells (2, the header has 3)",
        "f:6: the column names again",
    ]
    assert (ledger.read, ledger.lost.total()) == (2, 1)
    assert ledger.notes[0].startswith("f: cells end at semicolon, quotes are marks (")


def test_what_is_said_of_quotes():
    assert "quotes are text" in told('text\tlabel\n5" wide\tx\n6" wide\ty\n')
    assert "quotes are marks" in told("text,label\na,x\nb,y\n")
    stray = told('text,label\n"open,x\n' + '"fine, words",y\n' * 20)
    assert "1 rows with stray quotes were read literally" in stray
    assert "that fit in no other way" not in stray
    needed = told("text\tlabel\n" + 'a "b" c\tx\n' * 12 + '"with\ta tab"\ty\n', quoting="no")
    assert "in 1 rows that fit in no other way, quotes are marks" in needed
    assert "stray quotes" not in needed


def test_column_names_are_those_that_are_there_or_numbers():
    rows, ledger = read("1,some words here\n2,other words there\n1,more of the words\n" * 4)
    assert list(rows[0].value) == ["1", "2"]
    assert (len(rows), rows[0].line, ledger.skipped) == (12, 1, {})
    assert [row.value for row in read("a\tb\tc\n1\t2\t3\n", header=False)[0]] == [
        {"1": "a", "2": "b", "3": "c"},
        {"1": "1", "2": "2", "3": "3"},
    ]
    titled, _ = read("# made by hand, in autumn\ntext,label\nwords,x\nothers,y\n")
    assert [row.value["text"] for row in titled] == ["words", "others"]
    asked = told("sep=;\ntext;label\na;x\n")
    assert "its first line says that cells end at semicolon" in asked


def test_cells_of_a_sheet_to_label_are_bare_again():
    sheet = "from_file,from_line,text\na.txt,1,'=1+1\nb.txt,2,plain\n"
    assert [row.value["text"] for row in read(sheet)[0]] == ["=1+1", "plain"]
    assert read(sheet.replace("from_file", "file"))[0][0].value["text"] == "'=1+1"


@pytest.mark.parametrize("text", ["", "\n\n", "  \n"])
def test_a_table_without_a_line_is_refused(text):
    with pytest.raises(HeadstartError, match="f: no header line; a table needs one line of column names"):
        read(text)


def test_nothing_is_left_over_from_one_table_to_the_next():
    for again in range(2):
        test_streams_that_are_taken_for_a_table()
        test_what_is_said_of_quotes()
        test_every_row_is_given_or_told_of()
        test_column_names_are_those_that_are_there_or_numbers()
        test_cells_of_a_sheet_to_label_are_bare_again()
        test_a_table_without_a_line_is_refused("\n" * again)
    test_the_first_thousand_lines_decide()
    test_the_first_four_million_characters_decide()
