"""The row ledger balances, groups notes and survives JSON."""

from __future__ import annotations

import json

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.ledger import KEPT_COMPLAINTS, Ledger


def test_balance_and_summary():
    ledger = Ledger()
    for line in range(30):
        ledger.begin()
        ledger.skip("empty", "a.txt", line) if line % 2 else ledger.use()
    ledger.reject("not valid JSON", "b.jsonl", 7, "at column 3")
    assert (ledger.read, ledger.used, sum(ledger.skipped.values())) == (31, 15, 16)
    assert ledger.balanced
    assert ledger.summary().splitlines() == [
        "31 rows read, 15 used, 16 skipped (15 empty, 1 not valid JSON)",
        "first complaint: a.txt:1: empty",
    ]
    ledger.withdraw("no tokens", "a.txt", 0)
    assert ledger.balanced
    assert ledger.skipped["no tokens"] == 1


def test_unanswered_row_is_seen():
    ledger = Ledger()
    ledger.begin()
    assert not ledger.balanced


def test_complaints_are_bounded_and_named():
    ledger = Ledger()
    for line in range(100):
        ledger.reject("broken", "f", line, "why")
    assert len(ledger.complaints) == KEPT_COMPLAINTS
    assert ledger.complaints[3] == "f:3: broken (why)"


def test_equal_notes_are_grouped_and_json_round_trips():
    ledger = Ledger()
    for name in ("a", "b", "b"):
        ledger.note("quotes are text", name)
    ledger.note("unit line", "c")
    assert ledger.notes == ["2 files: quotes are text", "c: unit line"]
    again = Ledger.from_dict(json.loads(json.dumps(ledger.to_dict())))
    assert again.to_dict() == ledger.to_dict()
    with pytest.raises(HeadstartError, match="damaged"):
        Ledger.from_dict({"read": 1})


def test_the_first_twenty_complaints_are_kept():
    ledger = Ledger()
    for line in range(21):
        ledger.complain("broken\nmore", "f", line)
    assert len(ledger.complaints) == 20
    assert ledger.complaints[-1].startswith("f:19: broken")
    ledger = Ledger()
    ledger.complain("its end is missing", "f.gz")
    assert ledger.complaints == ["f.gz: its end is missing"]
    assert ledger.read == 0


def refused(ledger: Ledger, allowed: float | None) -> str:
    try:
        ledger.need_most(allowed)
    except HeadstartError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("lost", "read", "allowed", "stops"),
    [
        # A fifth of the rows, and no fewer than three of them.
        (2, 2, None, False),
        (3, 15, None, False),
        (3, 14, None, True),
        (19, 95, None, False),
        (19, 94, None, True),
        # Of twenty lost rows and more a twentieth of all.
        (20, 400, None, False),
        (20, 399, None, True),
        # What is asked, however few they are.
        (1, 10, 0.0, True),
        (0, 10, 0.0, False),
        (5, 10, 0.5, False),
        (6, 10, 0.5, True),
        (10, 10, 1.0, False),
    ],
)
def test_how_many_rows_may_be_lost(lost, read, allowed, stops):
    ledger = Ledger()
    ledger.begin(read - lost)
    for line in range(lost):
        ledger.reject(f"reason {line % 4}", "f.csv", line, "why")
    told = refused(ledger, allowed)
    assert bool(told) is stops
    if stops:
        assert told.startswith(f"{lost:,} of {read:,} rows cannot be read (")
        assert "first: f.csv:0: reason 0 (why)); mend the file" in told


def test_the_three_most_frequent_reasons_are_told():
    ledger = Ledger()
    for reason, count in (("a", 1), ("b", 4), ("c", 2), ("d", 3)):
        for line in range(count):
            ledger.reject(reason, "f", line)
    assert "(4 b, 3 d, 2 c; first: f:0: a)" in refused(ledger, None)


@pytest.mark.parametrize(
    ("share", "allowed", "told"),
    [
        (None, None, "its end is missing"),
        (None, 0.9, "its end is missing"),
        (None, 1.0, ""),
        (0.94, None, "94% of the compressed file can be read"),
        (0.96, None, ""),
        (0.5, 0.5, ""),
        (0.49, 0.5, "49% of the compressed file can be read"),
        (0.99, 0.0, "99% of the compressed file can be read"),
    ],
)
def test_how_much_of_a_damaged_file_must_be_there(share, allowed, told):
    ledger = Ledger(broken={"a.gz": 1.0, "f.gz": share})
    found = refused(ledger, allowed)
    assert found == (f"f.gz: damaged, {told}; get it again, or go on with what there is: --lost 1" if told else "")


def test_rows_are_counted_by_ones_or_by_many():
    ledger = Ledger()
    assert ledger.to_dict() == {"read": 0, "used": 0, "skipped": {}, "complaints": [], "notes": []}
    assert ledger.summary() == "0 rows read, 0 used, 0 skipped"
    assert ledger.balanced
    ledger.begin()
    ledger.begin(5)
    ledger.use()
    ledger.use(4)
    assert (ledger.read, ledger.used, ledger.balanced) == (6, 5, False)
    ledger.skip("empty", "f", 1)
    assert ledger.balanced
    ledger.withdraw("no tokens", "f", 2)
    assert (ledger.read, ledger.used, ledger.balanced) == (6, 4, True)
    assert not ledger.lost
    assert ledger.summary() == "6 rows read, 4 used, 2 skipped (1 empty, 1 no tokens)\nfirst complaint: f:1: empty"
    ledger.reject("broken", "f", 3)
    assert (ledger.read, ledger.balanced, ledger.lost) == (7, True, {"broken": 1})


def test_what_was_changed_is_counted_with_the_notes():
    ledger = Ledger()
    for _ in range(2):
        ledger.tell("images", "turned upright")
    for _ in range(3):
        ledger.tell("texts", "cut")
    ledger.note("read as CP949", "a.csv")
    assert ledger.notes == ["a.csv: read as CP949", "3 texts: cut", "2 images: turned upright"]


@pytest.mark.parametrize(
    "changed", [{"read": None}, {"used": "many"}, {"skipped": 3}, {"complaints": None}, {"complaints": ...}]
)
def test_a_damaged_ledger_is_refused(changed):
    ledger = Ledger()
    ledger.reject("broken", "f", 3)
    ledger.note("read as CP949: sure", "a.csv")
    whole = ledger.to_dict()
    assert Ledger.from_dict(whole).to_dict() == whole
    data = {name: value for name, value in (whole | changed).items() if value is not ...}
    with pytest.raises(HeadstartError, match="row ledger is damaged"):
        Ledger.from_dict(data)
