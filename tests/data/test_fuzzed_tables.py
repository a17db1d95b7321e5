"""A few damaged and hostile texts and tables: rows, or one line each. Thousands: tests/full/test_fuzzed_readers.py."""

from __future__ import annotations

from collections import Counter

import pytest
from fuzzed_images import Fuzzed, sound
from fuzzed_tables import CHANGES, damaged_table, odd_in_memory
from fuzzed_tables import sound as sound_tables
from table_checks import corpus_of, items_of, memory_outcome, outcome, reader_of, task_of

from headstart.data import encodings
from headstart.data.ledger import Ledger

STEP = 13  # no divisor of the number of formats: all formats, and all kinds of damage, come in turn
SLOW = ("_deep", "_long_line", "_wide")  # which only the full form reads


def some(count: int, seed: int) -> list[Fuzzed]:
    """Return damaged tables of all formats and of most kinds of damage."""
    every = len(sound_tables()) * len(CHANGES)
    found = (damaged_table(STEP * number % every, seed) for number in range(count))
    return [one for one in found if not one.kind.endswith(SLOW)]


def test_every_table_gives_rows_or_one_line(tmp_path):
    (tmp_path / "sound.png").write_bytes(sound()[0][1])
    counts = Counter()
    for number, fuzzed in enumerate(some(160, 3)):
        (path := tmp_path / fuzzed.name).write_bytes(fuzzed.data)
        counts += outcome(fuzzed, path, [corpus_of, task_of, items_of, reader_of(number)])
    assert min(counts["rows"], counts["refused"]) > 60


def test_what_is_in_memory_gives_rows_or_one_line(tmp_path):
    counts = Counter(memory_outcome(odd_in_memory(number), tmp_path / str(number)) for number in range(120))
    assert min(counts["rows"], counts["refused"]) > 5


def test_the_gate_catches_a_reader_that_lets_faults_through(tmp_path, monkeypatch):
    def naive(path) -> Ledger:
        path.read_text(encoding="utf-8")
        return Ledger()

    faults = 0
    for fuzzed in some(60, 3):
        (path := tmp_path / fuzzed.name).write_bytes(fuzzed.data)
        try:
            outcome(fuzzed, path, [naive])
        except UnicodeDecodeError:
            faults += 1
    assert faults > 10


def test_broken_wide_text_is_named_and_without_its_guard_is_a_fault(tmp_path, monkeypatch):
    text = "a film\nanother\nthe last\n" * 20
    for codec, broken in (("utf-16-le", b"\x41\xdc\x20\x00"), ("utf-32-le", b"\x41\x00\x41\x41")):
        data = text.encode(codec)
        place = len(data) // 3 & ~3
        (path := tmp_path / "a.txt").write_bytes(
            {"utf-16-le": b"\xff\xfe", "utf-32-le": b"\xff\xfe\0\0"}[codec] + data[:place] + broken + data[place:]
        )
        ledger = corpus_of(path)
        assert sum(ledger.skipped.values()) == 1
        with monkeypatch.context() as patch:
            patch.setattr(encodings, "_KEPT", "surrogateescape")
            patch.setattr(encodings.codecs, "register_error", lambda *_: None)
            with pytest.raises(UnicodeDecodeError):
                corpus_of(path)
