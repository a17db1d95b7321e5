"""Blocks of documents are the rows: same values, lines and ledger, for files that are broken in any way."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core.errors import HeadstartError
from headstart.data import line_blocks, row
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.readers import txt
from headstart.data.row import ByteStream, Row, Source, in_blocks

PIECES = st.sampled_from(
    [
        b"a",
        "영화".encode(),
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\xef\xbb\xbf",
        b"\xff",
        b"e\xcc\x81",
        b"\xea\xb0",
        b"word " * 9,
    ]
)


def both(path, **settings):
    found = []
    for blocks in (False, True):
        corpus = Corpus(path, **settings)
        try:
            rows = [one for block in corpus.blocks() for one in block.rows()] if blocks else list(corpus.rows())
        except HeadstartError as error:
            rows = str(error)
        ledger = corpus.ledger.to_dict()
        # Rows are looked at ahead, so that complaints come in another order; the first 20 are kept.
        complaints = sorted(ledger.pop("complaints"))
        found.append(
            (rows, ledger | {"skipped": dict(ledger["skipped"])}, complaints if len(complaints) < 20 else None)
        )
    return found


@given(parts=st.lists(PIECES, min_size=1, max_size=60), unit=st.sampled_from(["line", "paragraph", "file", "auto"]))
def test_any_bytes(tmp_path_factory, parts, unit):
    path = tmp_path_factory.mktemp("blocks") / "a.txt"
    path.write_bytes(b"word\n" * 40 + b"".join(parts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "_BYTES", 16)
        patch.setattr(txt, "_SNIFFED_CHARACTERS", 30)
        rows, blocks = both(path, unit=unit, how={"lost": 1.0})
    assert rows == blocks


@pytest.mark.parametrize("longest", [40, 64])
def test_lines_that_are_cut(tmp_path, monkeypatch, longest):
    for module in (row, line_blocks, txt):
        monkeypatch.setattr(module, "MAX_ROW_BYTES", longest)
    monkeypatch.setattr(line_blocks, "_BYTES", 16)
    monkeypatch.setattr(txt, "_SNIFFED_CHARACTERS", 5)
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["short", "영화 " * 30, "x", "y" * longest, "z" * (longest - 1), "", "end"]))
    rows, blocks = both(path, unit="line")
    assert rows == blocks
    assert len(rows[0]) > 7


def test_a_damaged_compressed_file(tmp_path):
    packed = gzip.compress("\n".join(f"line {number} 영화" for number in range(4000)).encode())
    (tmp_path / "a.txt.gz").write_bytes(packed[: len(packed) // 2])
    rows, blocks = both(tmp_path / "a.txt.gz", how={"lost": 1.0})
    assert rows == blocks
    assert rows[2]


def test_tables_several_files_and_filters(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in ("one", "", "two", "e\u0301")))
    (tmp_path / "b.txt").write_text("three\n\nfour\n")
    files = [tmp_path / "a.jsonl", tmp_path / "b.txt"]
    for settings in ({}, {"limit": 2}, {"filters": [{"name": "length", "fewest": 4}]}, {"normal_form": "none"}):
        rows, blocks = both(files, **settings)
        assert rows == blocks
        assert rows[0]


def test_nothing_to_read(tmp_path):
    (tmp_path / "a.txt").write_text("\n \n")
    rows, blocks = both(tmp_path / "a.txt")
    assert rows == blocks
    assert "no document in" in rows[0]


def test_blocks_of_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(row, "_BLOCK_ROWS", 3)
    monkeypatch.setattr(row, "_BLOCK_CHARACTERS", 10)
    rows = [
        Row("x" * size, source, line)
        for line, (size, source) in enumerate([(1, "a")] * 4 + [(9, "a")] * 3 + [(1, "b")])
    ]
    blocks = list(in_blocks(iter(rows)))
    assert [one for block in blocks for one in block.rows()] == rows
    assert [len(block.values) for block in blocks] == [3, 2, 2, 1]


def test_bytes_put_back_come_first():
    raw = line_blocks._Before(b"ab", ByteStream(io.BytesIO(b"cd\n")))
    assert raw.readable()
    found = list(row.lines(Source("s", ByteStream(raw))))
    assert [line.text for line in found] == ["abcd"]
    assert line_blocks.checked(found, "s", Ledger()).values == ["abcd"]
