"""Tables of spans in JSON Lines: the shared sets load whole and their offsets fit their texts."""

from __future__ import annotations

from collections import Counter

import pytest

from headstart.data.ledger import Ledger
from headstart.data.open import read_rows


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("klue/ner_train.jsonl.gz", 3600),
        ("klue/ner_dev.jsonl.gz", 400),
        ("snips/train.jsonl.gz", 13084),
        ("snips/dev.jsonl.gz", 700),
    ],
)
def test_shared_sets_load_whole(shared_data, file, count):
    ledger = Ledger()
    rows = [row.value for row in read_rows(str(shared_data / file), ledger)]
    assert (len(rows), ledger.read) == (count, 0)
    assert all(0 <= e["start"] < e["end"] <= len(row["text"]) for row in rows for e in row["entities"])


def test_klue_entities_are_those_of_its_readme(shared_data):
    files = [str(shared_data / "klue" / f"ner_{part}.jsonl.gz") for part in ("train", "dev")]
    rows = [row.value for name in files for row in read_rows(name, Ledger())]
    counts = Counter(e["label"] for row in rows for e in row["entities"])
    assert counts == {"DT": 1839, "LC": 1346, "OG": 1738, "PS": 3587, "QT": 2511, "TI": 438}
