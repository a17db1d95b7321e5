"""Ten thousand damaged and hostile texts, tables, annotations and things in memory: rows or one line each.

Run it by name: pytest tests/full/test_fuzzed_readers.py. HEADSTART_FUZZED in the environment says how many inputs,
HEADSTART_SEED which. Images and archives of images: test_fuzzed_images.py.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from fuzzed_images import sound
from fuzzed_tables import damaged_table, odd_in_memory, table_bombs
from table_checks import corpus_of, items_of, memory_outcome, outcome, reader_of, task_of

INPUTS, SEED = int(os.environ.get("HEADSTART_FUZZED", "10000")), int(os.environ.get("HEADSTART_SEED", "13"))
AT_ONCE = 250


@pytest.mark.parametrize("start", range(0, INPUTS, AT_ONCE))
def test_every_table_gives_rows_or_one_line(start, tmp_path):
    (tmp_path / "sound.png").write_bytes(sound()[0][1])
    counts = Counter()
    for number in range(start, start + AT_ONCE):
        fuzzed = damaged_table(number, SEED)
        (path := tmp_path / fuzzed.name).write_bytes(fuzzed.data)
        counts += outcome(fuzzed, path, [corpus_of, task_of, items_of, reader_of(number)])
        path.unlink()
    print(f"inputs {start} to {start + AT_ONCE}: {dict(counts)}")
    assert min(counts["rows"], counts["refused"]) > AT_ONCE // 20


def test_what_is_in_memory_gives_rows_or_one_line(tmp_path):
    counts = Counter(
        memory_outcome(odd_in_memory(number, SEED), tmp_path / str(number)) for number in range(INPUTS // 10)
    )
    print(f"in memory: {dict(counts)}")
    assert min(counts["rows"], counts["refused"]) > INPUTS // 400


@pytest.mark.parametrize("number", range(len(table_bombs())))
def test_a_bomb_is_refused(number, tmp_path):
    fuzzed = table_bombs()[number]
    (path := tmp_path / fuzzed.name).write_bytes(fuzzed.data)
    counts = outcome(fuzzed, path, [corpus_of, task_of, items_of])
    assert counts == {"refused": 3}, fuzzed.kind
