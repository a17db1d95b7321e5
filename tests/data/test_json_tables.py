"""Files that are one JSON value give the rows that libraries wrote into them."""

from __future__ import annotations

import json

import pytest

from headstart.data.json_tables import rows_of
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows

ROWS = [{"text": "good film", "label": "pos"}, {"text": "bad", "label": "neg"}, {"text": "so so", "label": "pos"}]
INDEX = [str(number) for number in range(3)]
FORMS = {
    "list": ROWS,
    "named list": {"version": "1", "data": ROWS},
    "other name": {"reviews": ROWS, "source": ["a", "b"]},
    "pandas columns": {name: {key: row[name] for key, row in zip(INDEX, ROWS)} for name in ROWS[0]},
    "pandas index": dict(zip(INDEX, ROWS)),
    "pandas split": {"columns": ["text", "label"], "index": [0, 1, 2], "data": [list(row.values()) for row in ROWS]},
    "lists": {name: [row[name] for row in ROWS] for name in ROWS[0]},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows"])
def test_rows_of_every_form(tmp_path, form, indent, name):
    (tmp_path / name).write_text(json.dumps(FORMS[form], indent=indent))
    ledger = Ledger()
    rows = list(read_rows(str(tmp_path / name), ledger))
    assert [row.value for row in rows] == ROWS
    assert [row.line for row in rows] == [1, 2, 3]
    assert any("one JSON value" in note for note in ledger.notes)


def test_a_long_table_in_one_line(tmp_path):
    rows = [{"text": f"review number {number} " * 10, "label": number % 2} for number in range(100_000)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert (tmp_path / "rows.json").stat().st_size > 16 << 20
    assert sum(1 for _ in read_rows(str(tmp_path / "rows.json"), Ledger())) == 100_000


def test_one_object_alone_is_a_row(tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS[0]))
    assert [row.value for row in read_rows(str(tmp_path / "rows.jsonl"), Ledger())] == ROWS[:1]


def test_lines_that_begin_with_a_list_are_lines(tmp_path):
    (tmp_path / "rows.jsonl").write_text('[1, 2]\n{"text": "a"}\n')
    ledger = Ledger()
    assert [row.value for row in read_rows(str(tmp_path / "rows.jsonl"), ledger)] == [{"text": "a"}]
    assert ledger.skipped == {"not a JSON object or string": 1}


@pytest.mark.parametrize("value", [[], {}, [1, 2], {"a": 1}, {"a": [1], "b": [1, 2]}, {"a": {}}, 3, None, "x"])
def test_no_table(value):
    assert rows_of(value) is None
