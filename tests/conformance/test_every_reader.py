"""Every reader: its suffixes are its own, rows know their line, any bytes give rows or one line of complaint."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from tiny_images import image_archives

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.spec import ITEMS, ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, read_rows
from headstart.data.row import ByteStream, Source

NAMES = registry.names("reader")
TEXTS = ["영화 좋다", "second row", 'quo"te', "끝"]


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS}), sink)
    return sink.getvalue()


def treebank() -> str:
    blocks = []
    for text in TEXTS:
        words = [f"{i}\t{form}" + "\t_" * 8 for i, form in enumerate(text.split(), 1)]
        blocks.append("\n".join([f"# text = {text}", *words]))
    return "\n\n".join(blocks)


def questions() -> str:
    ask = [{"question": "?", "id": "1", "answers": []}]
    return json.dumps({"data": [{"title": "", "paragraphs": [{"context": t, "qas": ask} for t in TEXTS]}]})


SAMPLES = {  # by reader: a file ending and the same four rows in every format known here
    "txt": (".txt", "\n".join(TEXTS).encode()),
    "jsonl": (".jsonl", "\n".join(json.dumps({"text": t}) for t in TEXTS).encode()),
    "csv": (".tsv", "\n".join(["text\tn", *(f"{t}\t1" for t in TEXTS)]).encode()),
    "parquet": (".parquet", parquet()),
    "conll": (".conll", "\n\n".join("\n".join(f"{w}\tO" for w in t.split()) for t in TEXTS).encode()),
    "conllu": (".conllu", treebank().encode()),
    "squad": (".json", questions().encode()),
}


def recognises(kind) -> bool:
    """Whether a reader can tell its format by the first bytes."""
    return kind.recognises.__func__ is not ReaderSpec.recognises.__func__


@pytest.mark.parametrize("name", NAMES)
def test_suffixes_are_its_own(name):
    kind = registry.load("reader", name)
    assert kind.suffixes or recognises(kind) or kind.folders
    assert kind.takes in ITEMS
    assert not kind.folders or not kind.suffixes
    assert registry.build_spec("reader", kind().to_dict()) == kind()
    others = {end for other in NAMES if other != name for end in registry.load("reader", other).suffixes}
    assert not others & set(kind.suffixes)
    for end in kind.suffixes:
        assert end.startswith(".")
        assert choose_reader(f"any{end}", b"").name == name


@pytest.mark.parametrize("name", registry.fitting("reader", takes="text"))
def test_rows_come_back(name, tmp_path):
    if name not in SAMPLES:
        pytest.skip(f"no sample of {name} here: add one to SAMPLES")
    end, data = SAMPLES[name]
    path = tmp_path / f"rows{end}"
    path.write_bytes(data)
    assert choose_reader(str(path), data).name == name
    rows = list(read_rows(str(path), Ledger()))
    column = "context" if name == "squad" else "text"
    assert [row.value if isinstance(row.value, str) else row.value[column] for row in rows] == TEXTS
    assert all(row.source == str(path) for row in rows)
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert lines[0] >= 1


@pytest.mark.parametrize("name", [name for name in NAMES if recognises(registry.load("reader", name))])
def test_it_recognises_its_own_and_no_other(name):
    kind = registry.load("reader", name)
    assert not kind.recognises(b"")
    if name in SAMPLES:
        assert choose_reader("no_suffix", SAMPLES[name][1]).name == name
    for other, (end, data) in SAMPLES.items():
        if other != name:
            assert choose_reader(f"any{end}", data).name == other


@pytest.mark.parametrize("name", [name for name in NAMES if not registry.load("reader", name).folders])
def test_any_bytes_give_rows_or_one_line(name):
    random = np.random.default_rng(0)
    wholes = [
        *(data for _, data in SAMPLES.values()),
        *image_archives(),
        b"",
        b"\xff\xfe\x00",
        b"PAR1PAR1",
        b'{"a":',
        b'"' * 99,
    ]
    for whole in wholes:
        for _ in range(12):
            data = bytearray(whole[: random.integers(0, len(whole) + 1)])
            for _ in range(random.integers(0, 4)):
                if data:
                    data[random.integers(len(data))] = random.integers(256)
            ledger, refusal, rows = Ledger(), None, []
            try:
                reader = registry.load("reader", name)()
                rows = list(reader.read(Source("f", ByteStream(io.BytesIO(bytes(data)))), ledger))
            except HeadstartError as error:
                refusal = str(error)
            assert refusal is None or ("\n" not in refusal and refusal.startswith("f"))
            assert refusal or ledger.balanced
            assert all(row.source == "f" and row.line >= 1 for row in rows)
