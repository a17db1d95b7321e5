"""Sheets of a workbook: the values that cells show, titles above the table, several sheets, and what is no workbook."""

from __future__ import annotations

import datetime
import io
import re
import zipfile

import pytest
from openpyxl import Workbook
from openpyxl.xml import constants

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.readers import excel
from headstart.data.readers.excel import Excel
from headstart.data.row import ByteStream, Source

ROWS = [("재미있는 영화", "긍정"), ("시간이 아까웠다", "부정"), ("두 줄\n짜리 글", "긍정"), ("그냥 그랬다", "부정")]


def book(path, *sheets):
    """Write sheets, (name, rows) each."""
    made = Workbook()
    made.remove(made.active)
    for name, rows in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def read(path, **how):
    ledger = Ledger()
    return [row.value for row in read_rows(str(path), ledger, reader=Excel(**how) if how else None)], ledger


def as_rows(rows, names=("글", "평가")):
    return [dict(zip(names, row)) for row in rows]


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.XLSX", "rows"])
def test_rows_come_back(tmp_path, name):
    found, ledger = read(book(tmp_path / name, ("후기", [("글", "평가"), *ROWS])))
    assert found == as_rows(ROWS)
    assert not ledger.skipped


def test_titles_and_empty_rows(tmp_path):
    rows = [("2026년 후기 모음",), (), (None, None), ("글", "평가"), *ROWS[:2], (), *ROWS[2:]]
    found, ledger = read(book(tmp_path / "rows.xlsx", ("후기", rows)))
    assert found == as_rows(ROWS)
    assert any("the table begins at row 4" in note for note in ledger.notes)


def test_without_column_names_and_with_names_again(tmp_path):
    found, _ = read(book(tmp_path / "a.xlsx", ("s", [(f"{text} {text} {text}", label) for text, label in ROWS * 3])))
    assert len(found) == 12
    assert list(found[0]) == ["1", "2"]
    found, ledger = read(book(tmp_path / "b.xlsx", ("s", [("글", "평가"), *ROWS, ("글", "평가"), *ROWS])))
    assert len(found) == 8
    assert dict(ledger.skipped) == {"the column names again": 1}
    assert len(read(tmp_path / "b.xlsx", header=False)[0]) == 10


def test_values_are_those_that_are_shown(tmp_path):
    day = datetime.datetime(2026, 11, 27)
    rows = [
        ("text", "number", "half", "yes", "day", "gone"),
        ("a", 1.0, 0.5, True, day, None),
        ("b", 2, 1, False, day, "x"),
    ]
    found, _ = read(book(tmp_path / "rows.xlsx", ("s", rows)))
    assert found[0] == {"text": "a", "number": 1, "half": 0.5, "yes": True, "day": "2026-11-27T00:00:00", "gone": None}


def test_sheets(tmp_path):
    path = book(tmp_path / "rows.xlsx", ("empty", []), ("first", [("글", "평가"), *ROWS]), ("second", [("a",), ("b",)]))
    found, ledger = read(path)
    assert found == as_rows(ROWS)
    assert any("sheet 'first'; not read: empty, second" in note for note in ledger.notes)
    assert read(path, sheet="second")[0] == [{"a": "b"}]
    with pytest.raises(HeadstartError, match="no sheet 'secnd'; did you mean 'second'") as caught:
        read(path, sheet="secnd")
    assert "not a readable workbook" not in str(caught.value)


@pytest.mark.parametrize("data", [b"PK\x03\x04 no archive", b"text", b""])
def test_what_is_no_workbook(tmp_path, data):
    (tmp_path / "rows.xlsx").write_bytes(data)
    with pytest.raises(HeadstartError, match=r"rows\.xlsx"):
        read(tmp_path / "rows.xlsx")


def test_an_empty_workbook(tmp_path):
    with pytest.raises(HeadstartError, match="no row in its sheets"):
        read(book(tmp_path / "rows.xlsx", ("a", []), ("b", [])))


def edited(path, **changes):
    """Return a workbook with other words; changes: by the end of a part's name, what to put for which pattern."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for end, (before, after) in changes.items():
        (name,) = [one for one in parts if one.endswith(f"{end}.xml")]
        parts[name], count = re.subn(before, after, parts[name])
        assert count
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def test_rows_have_their_numbers_and_columns_their_names(tmp_path):
    rows = [(), ("title",), ("text", " label ", None), ("a", 1), (), ("b", 2, "more"), ("text", " label ")]
    path = book(tmp_path / "a.xlsx", ("s", rows))
    ledger = Ledger()
    found = [(row.value, row.line, row.source) for row in read_rows(str(path), ledger)]
    assert found == [
        ({"text": "a", "label": 1, "3": None}, 4, str(path)),
        ({"text": "b", "label": 2, "3": "more"}, 6, str(path)),
    ]
    assert ledger.notes == [
        f"{path}: sheet 's'",
        f"{path}: the table begins at row 3; the 1 rows before it are no rows",
    ]
    assert ledger.complaints == [f"{path}:7: the column names again"]
    assert ledger.read == 1
    found, ledger = read(path, header=False)
    assert found == [
        {"1": "text", "2": " label ", "3": None},
        {"1": "a", "2": 1, "3": None},
        {"1": "b", "2": 2, "3": "more"},
        {"1": "text", "2": " label ", "3": None},
    ]


def test_a_first_row_that_names_nothing_is_a_row_unless_it_is_said_to_name(tmp_path):
    path = book(tmp_path / "a.xlsx", ("s", [(f"{text} {text} {text}", label) for text, label in ROWS * 3]))
    found, ledger = read(path)
    assert len(found) == 12
    assert "its first row is no column names (" in ledger.notes[-1]
    assert len(read(path, header=True)[0]) == 9  # and twice the names again
    found, ledger = read(path, header=False)
    assert (len(found), len(ledger.notes)) == (12, 1)


def test_sheets_that_are_hidden_are_read_where_no_other_is(tmp_path):
    made = Workbook()
    for number, name in enumerate(("secret", "shown", "more")):
        sheet = made.active if not number else made.create_sheet(name)
        sheet.title, sheet.sheet_state = name, "hidden" if name == "secret" else "visible"
        sheet.append(["text"])
        sheet.append([f"of {name}"])
    made.save(tmp_path / "a.xlsx")
    found, ledger = read(tmp_path / "a.xlsx")
    assert found == [{"text": "of shown"}]
    assert "sheet 'shown'; not read: more (sheet=NAME reads another one)" in ledger.notes[0]
    with pytest.raises(HeadstartError, match=r"no sheet 'secret' \(sheets: shown, more\)"):
        read(tmp_path / "a.xlsx", sheet="secret")
    edited(tmp_path / "a.xlsx", workbook=(b'state="visible"', b'state="hidden"'))
    assert read(tmp_path / "a.xlsx")[0] == [{"text": "of secret"}]


def test_a_formula_is_read_as_its_value_and_wrong_dimensions_as_they_are(tmp_path):
    path = book(tmp_path / "a.xlsx", ("s", [("text", "n"), ("a", 7), ("b", "=1+1")]))
    edited(path, sheet1=(rb"</f>(<v ?/>|<v></v>)", b"</f><v>2</v>"))
    assert [row["n"] for row in read(path)[0]] == [7, 2]
    edited(path, sheet1=(b'ref="A1:B3"', b'ref="A1"'))
    assert [row["n"] for row in read(path)[0]] == [7, 2]


def test_a_damaged_workbook_is_one_line(tmp_path):
    """In its parts, and after some rows."""
    path = book(tmp_path / "a.xlsx", ("s", [("text", "n"), *[("some words", n) for n in range(9)]]))
    for part, change in {"workbook": (b"<sheets>", b"<sheet"), "sheet1": (b'<row r="7"', b'<row r="seven"')}.items():
        damaged = tmp_path / f"{part}.xlsx"
        damaged.write_bytes(path.read_bytes())
        edited(damaged, **{part: change})
        with pytest.raises(HeadstartError, match=r"\.xlsx: (not a readable|damaged) workbook \(.*\); save it again$"):
            read(damaged)


def test_values_are_plain():
    for given, wanted in [
        (None, None),
        (True, True),
        (3, 3),
        (3.0, 3),
        (3.5, 3.5),
        ("a_x000D_\nb\r\nc", "a\nb\nc"),
        ("", ""),
        (datetime.date(2026, 11, 27), "2026-11-27"),
        (datetime.time(9, 30), "09:30:00"),
        (datetime.datetime(2026, 11, 27, 9), "2026-11-27T09:00:00"),
        (datetime.timedelta(hours=30), "1 day, 6:00:00"),
    ]:
        found = excel._value(given)
        assert (found, type(found)) == (wanted, type(wanted))


TABLES = {  # rows, where the table begins and how many columns it has
    "one row": ([["a"]], (0, 1)),
    "names and rows": ([["a", "b"], ["c", "d"], ["e", "f"]], (0, 2)),
    "a title": ([["title"], ["a", "b"], ["c", "d"]], (1, 2)),
    "two titles": ([["title"], ["more"], ["a", "b"], ["c", "d"], ["e", "f"]], (2, 2)),
    "a title further right than the table": ([[None, None, None, "title"], ["a", "b"], ["c", "d"]], (1, 2)),
    "a title as long as the table": ([["title", ""], ["a", "b"], ["c", "d"]], (1, 2)),
    "a row with more cells": ([["a", "b"], ["c", "d"], ["e", "f", "g"]], (0, 3)),
    "a row with fewer cells": ([["a", "b"], ["c", "d"], ["e"]], (0, 2)),
    "empty cells between": ([["a", None, "b"], ["c", "", "d"], ["e", "x", "f"]], (0, 3)),
    "empty cells behind": ([["a", "b", None, ""], ["c", "d", None, None]], (0, 2)),
    "an index without a name": ([[None, "a", "b"], [0, "c", "d"], [1, "e", "f"]], (0, 3)),
    "an index with an empty name": ([["", "a", "b", None], [0, "c", "d"], [1, "e", "f"]], (0, 3)),
    "an index and names of three": ([["", "a", "b", "c"], [0, "c", "d", "e"], [1, "e", "f", "g"]], (0, 4)),
    "an index under a title": ([["title"], [None, "a", "b"], [0, "c", "d"], [1, "e", "f"]], (1, 3)),
    "an index of two columns": ([[None, "a"], [0, "c"], [1, "e"]], (1, 2)),
    "a number among the names": ([[None, "a", 2], [0, "c", "d"], [1, "e", "f"]], (1, 3)),
    "an empty one among the names": ([[None, "a", ""], [0, "c", "d"], [1, "e", "f"]], (1, 3)),
    "too few names": ([[None, "a"], [0, "c", "d"], [1, "e", "f"]], (1, 3)),
    "names beside a first cell": ([["x", "a"], [0, "c", "d"], [1, "e", "f"]], (1, 3)),
    "no index": ([[None, "a", "b"], [None, "c", "d", "x"], ["", "e", "f", "y"]], (1, 4)),
    "a remark beside the names": ([[None, "a", "b", None, None], [0, "c", "d"], [1, "e", "f"], [2, "g", "h"]], (0, 3)),
}


def test_where_a_table_begins():
    assert {name: excel._begin(rows) for name, (rows, _) in TABLES.items()} == {
        name: wanted for name, (_, wanted) in TABLES.items()
    }


def test_a_table_is_told_by_a_thousand_rows(tmp_path):
    """A cell to the right of the columns that these have is left out, and told of."""
    for place, columns in [(700, 3), (1500, 2)]:
        rows = [("a", n) if n != place else ("a", n, "beyond") for n in range(1600)]
        found, ledger = read(book(tmp_path / f"{place}.xlsx", ("s", [("text", "n"), *rows])))
        assert len(found) == 1600
        assert len(found[0]) == columns
        told = [note for note in ledger.notes if "1 rows have cells to the right of the columns" in note]
        assert len(told) == 3 - columns


@pytest.mark.parametrize(
    ("widths", "rows"),
    [
        ([1 << 19] * 4, 2),
        ([(1 << 20) - 1, 1, 1, 1], 2),
        ([(1 << 20) - 2, 1, 1, 1], 3),
        ([400_000] * 9, 3),
        ([1] * 2000, 1000),
    ],
)
def test_a_wide_table_is_told_by_about_a_million_cells(widths, rows):
    given = iter([(number, [None] * width) for number, width in enumerate(widths, 1)])
    assert len(excel._head(given)) == rows
    assert next(given)[0] == rows + 1


def test_a_sheet_ends_where_those_of_excel_do():
    assert excel.MOST_ROWS == constants.MAX_ROW


def test_what_is_taken_for_a_workbook(tmp_path):
    data = book(tmp_path / "a.xlsx", ("s", [("a",)])).read_bytes()
    assert Excel.recognises(data) is True
    for other in (b"PK\x03\x04 word/document.xml", b"xl/workbook.xml", b""):
        assert Excel.recognises(other) is False
    with pytest.raises(HeadstartError, match=r"^f: not a readable workbook \(File is not a zip file\); save it again"):
        list(Excel().read(Source("f", ByteStream(io.BytesIO(b"PK\x03\x04 no archive"))), Ledger()))


def test_nothing_is_left_over_from_one_workbook_to_the_next(tmp_path):
    every = [test_rows_have_their_numbers_and_columns_their_names, test_sheets, test_a_damaged_workbook_is_one_line]
    every += [test_an_empty_workbook, test_a_first_row_that_names_nothing_is_a_row_unless_it_is_said_to_name]
    every += [test_what_is_taken_for_a_workbook, test_sheets_that_are_hidden_are_read_where_no_other_is]
    for number, check in enumerate(every):
        (tmp_path / str(number)).mkdir()
        check(tmp_path / str(number))
    test_values_are_plain()
    test_where_a_table_begins()
    test_a_wide_table_is_told_by_about_a_million_cells([400_000] * 9, 3)
    test_a_table_is_told_by_a_thousand_rows(tmp_path)
    test_a_sheet_ends_where_those_of_excel_do()
    assert len(excel._head(iter([(1, [])] * 9000))) == 1000
