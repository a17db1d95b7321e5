"""Packed tables: how much they may unpack to, how much is held of them, and that any damage is one line."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest
from openpyxl import Workbook
from pyarrow import ipc, parquet
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data import row
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.readers.arrow import Arrow
from headstart.data.readers.parquet import Parquet
from headstart.data.row import ByteStream, Source

TABLE = pa.table({"text": [f"film {number}" for number in range(20)], "n": list(range(20))})
COUNTED = 256  # bytes that a row counts, as docs/files.md says


def as_parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(table, stream, row_group_size=7)
    return stream.getvalue()


def as_arrow(table: pa.Table, kind=ipc.new_file) -> bytes:
    stream = io.BytesIO()
    with kind(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return stream.getvalue()


def as_stream(table: pa.Table) -> bytes:
    return as_arrow(table, ipc.new_stream)


def as_sheet(table: pa.Table) -> bytes:
    book, stream = Workbook(), io.BytesIO()
    for cells in [table.column_names, *map(list, zip(*table.to_pydict().values()))]:
        book.active.append(cells)
    book.save(stream)
    return stream.getvalue()


def unpacked(data: bytes) -> int:
    """Return the bytes that a sheet unpacks to, as the archive says."""
    return sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(data)).infolist())


MAKERS = {".parquet": as_parquet, ".arrow": as_arrow, ".ipc": as_stream, ".xlsx": as_sheet}


def rows_of(path: Path) -> list:
    return [row.value for row in read_rows(str(path), Ledger())]


def test_a_sheet_may_unpack_to_a_floor_or_to_so_many_times_its_size(tmp_path, monkeypatch):
    path = tmp_path / "rows.xlsx"
    path.write_bytes(data := as_sheet(TABLE))
    whole, size = unpacked(data), len(data)
    for floor, ratio, allowed in [
        (whole, 0, True),
        (whole - 1, 0, False),
        (1, Fraction(whole, size), True),
        (1, Fraction(2 * whole - 1, 2 * size), False),
    ]:
        monkeypatch.setattr(row, "_BOMB", floor)
        monkeypatch.setattr(row, "_MOST_RATIO", ratio)
        if allowed:
            assert rows_of(path) == TABLE.to_pylist()
        else:
            with pytest.raises(HeadstartError, match=r"^\S+/rows\.\w+: it would unpack to .*, which looks like a bomb"):
                rows_of(path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ipc"])
def test_any_byte_that_is_another_one_gives_the_rows_or_one_line(suffix):
    """What pyarrow raises is of many kinds: invalid, not implemented, no UTF-8, no such file."""
    data, reader = bytearray(MAKERS[suffix](TABLE.slice(0, 3))), Parquet() if suffix == ".parquet" else Arrow()
    told, found = set(), []
    for place in range(len(data)):
        for change in (2, 8):
            data[place] ^= change
            ledger = Ledger()
            try:
                found = list(reader.read(Source("f", ByteStream(io.BytesIO(data))), ledger))
            except HeadstartError as error:
                told.add(str(error))
            assert all(row.source == "f" for row in found)
            data[place] ^= change
    assert all(one.startswith("f: ") and "\n" not in one for one in told)
    kind = "parquet file" if suffix == ".parquet" else "Arrow table"
    assert any(one.startswith(f"f: not a readable {kind} (") and one.endswith("); write it again") for one in told)


@pytest.mark.parametrize("reader", [Parquet(), Arrow()])
def test_a_table_that_cannot_be_sought_is_refused(reader):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    data = as_parquet(TABLE) if reader == Parquet() else as_arrow(TABLE)
    with pytest.raises(HeadstartError, match=r"^f: .* inside a compressed file or pipe cannot be read; give the"):
        list(reader.read(Source("f", ByteStream(Pipe(data))), Ledger()))


def test_what_is_no_arrow_table_is_said_to_be_none():
    for data in (b"FEA1" + bytes(90), b"text", b"ARROW2" + bytes(90)):
        with pytest.raises(HeadstartError, match=r"^f: no Arrow table; Feather of version 1 and .*: write it again$"):
            list(Arrow().read(Source("f", ByteStream(io.BytesIO(data))), Ledger()))


def test_what_is_taken_for_a_packed_table():
    assert Arrow.recognises(as_arrow(TABLE)) is True
    assert Parquet.recognises(as_parquet(TABLE)) is True
    for data in (b"", b"PAR", b"ARROW", as_stream(TABLE)):
        assert Arrow.recognises(data) is Parquet.recognises(data) is False
    assert Arrow.binary
    assert Parquet.binary


@pytest.mark.parametrize("write", [as_arrow, as_stream, as_parquet])
def test_images_and_texts_as_bytes_are_found_in_every_batch(write, tmp_path):
    """The first rows have none."""
    cells = [None] * 9 + [flat(number) for number in range(3)]
    table = pa.table({"image": cells, "text": [b"one"] * 12, "noise": [b"\xff"] * 12})
    (tmp_path / "a.parquet").write_bytes(write(table))
    reader = Parquet() if write is as_parquet else Arrow()
    ledger = Ledger()
    found = list(read_rows(str(tmp_path / "a.parquet"), ledger, reader=reader))
    assert [one.line for one in found] == list(range(1, 13))
    assert [one.value["image"] and one.value["image"].read() for one in found] == cells
    assert {one.value["text"] for one in found} == {"one"}
    assert "noise" not in found[0].value


def test_few_images_are_held_at_a_time():
    """A cell is stored once, however often it is listed; texts are held by the thousand."""
    listed, data = pa.DictionaryArray.from_arrays([0] * 256, pa.array([flat(1) + bytes(1 << 18)])), io.BytesIO()
    parquet.write_table(pa.table({"image": listed}), data, compression="zstd")
    tracemalloc.start()
    try:
        lines = [one.line for one in Parquet().read(Source("f", ByteStream(data)), Ledger())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == list(range(1, 257))
    assert peak < 20 << 20  # all of them are 64 MiB


@pytest.mark.parametrize("write", [as_arrow, as_stream, as_parquet])
def test_two_columns_of_one_name_are_refused(write):
    """One of them would be lost."""
    table = pa.table([pa.array(["x", "y"]), pa.array(["z", "w"]), pa.array([1, 2])], names=["a", "a", "b"])
    reader = Parquet() if write is as_parquet else Arrow()
    with pytest.raises(HeadstartError, match=r"^f: several columns are called a; give each its own name$"):
        list(reader.read(Source("f", ByteStream(io.BytesIO(write(table)))), Ledger()))
