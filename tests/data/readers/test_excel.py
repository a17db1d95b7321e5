"""Sheets of a workbook: the values that cells show, titles above the table, several sheets, and what is no workbook."""

from __future__ import annotations

import datetime

import pytest
from openpyxl import Workbook

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.readers.excel import Excel

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
