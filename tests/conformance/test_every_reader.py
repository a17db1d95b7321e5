"""Every reader: its suffixes are its own, rows know their line, any bytes give rows or one line of complaint."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from headstart.base import registry
from headstart.base.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, read_rows

NAMES = registry.names("reader")
TEXTS = ["영화 좋다", "second row", 'quo"te', "끝"]


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS}), sink)
    return sink.getvalue()


SAMPLES = {  # by suffix: the same four rows in every format known here
    ".txt": "\n".join(TEXTS).encode(),
    ".jsonl": "\n".join(json.dumps({"text": t}) for t in TEXTS).encode(),
    ".tsv": "\n".join(["text\tn", *(f"{t}\t1" for t in TEXTS)]).encode(),
    ".parquet": parquet(),
}


@pytest.mark.parametrize("name", NAMES)
def test_suffixes_are_its_own(name):
    spec = registry.load("reader", name)()
    assert spec.suffixes
    assert registry.build_spec("reader", spec.to_dict()) == spec
    others = {end for other in NAMES if other != name for end in registry.load("reader", other).suffixes}
    assert not others & set(spec.suffixes)
    for end in spec.suffixes:
        assert end.startswith(".")
        assert choose_reader(f"any{end}", b"").name == name


@pytest.mark.parametrize("name", NAMES)
def test_rows_come_back(name, tmp_path):
    ends = [end for end in registry.load("reader", name).suffixes if end in SAMPLES]
    if not ends:
        pytest.skip(f"no sample of {name} here: add one to SAMPLES")
    path = tmp_path / f"rows{ends[0]}"
    path.write_bytes(SAMPLES[ends[0]])
    rows = list(read_rows(str(path), Ledger()))
    assert [row.value if isinstance(row.value, str) else row.value["text"] for row in rows] == TEXTS
    assert all(row.source == str(path) for row in rows)
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert lines[0] >= 1


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_give_rows_or_one_line(name):
    random = np.random.default_rng(0)
    wholes = [*SAMPLES.values(), b"", b"\xff\xfe\x00", b"PAR1PAR1", b'{"a":', b'"' * 99]
    for whole in wholes:
        for _ in range(12):
            data = bytearray(whole[: random.integers(0, len(whole) + 1)])
            for _ in range(random.integers(0, 4)):
                if data:
                    data[random.integers(len(data))] = random.integers(256)
            ledger, refusal, rows = Ledger(), None, []
            try:
                reader = registry.load("reader", name)()
                rows = list(reader.read(io.BufferedReader(io.BytesIO(bytes(data))), "f", ledger))
            except HeadstartError as error:
                refusal = str(error)
            assert refusal is None or ("\n" not in refusal and refusal.startswith("f"))
            assert refusal or ledger.balanced
            assert all(row.source == "f" and row.line >= 1 for row in rows)
