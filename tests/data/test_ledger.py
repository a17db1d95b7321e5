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
