"""Arrow and parquet files that would unpack to very much are refused before they do, by the sizes of their parts."""

from __future__ import annotations

import io
import time

import numpy as np
import pyarrow as pa
import pytest
from forked import Forked
from pyarrow import ipc, parquet

from headstart.core.errors import HeadstartError
from headstart.data import parquet_pages, row
from headstart.data.arrow_buffers import unpacked_bytes
from headstart.data.cell_bytes import held_bytes
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.parquet_pages import Column, Pages, columns_of, pages_of
from headstart.data.readers import arrow
from headstart.data.readers import parquet as parquet_reader
from headstart.data.row import ByteStream

MEBI = 1 << 20
LONG = "a" * MEBI
COUNT = 48  # long texts of a hostile file


def stream_of(data: bytes) -> ByteStream:
    return ByteStream(io.BytesIO(data), 1 << 16)


def arrow_bytes(table: pa.Table, writer=ipc.new_file, chunk: int = 1000, **options) -> bytes:
    sink = io.BytesIO()
    with writer(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table, max_chunksize=chunk)
    return sink.getvalue()


def parquet_bytes(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd", dictionary_pagesize_limit=1 << 30, **options)
    return sink.getvalue()


def repeated(count: int) -> pa.Array:
    """One long text many times, without so much memory."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([LONG]))


TABLE = pa.table(
    {
        "number": pa.array(np.zeros(3000, np.int64)),
        "text": pa.array(["ab" * 20] * 3000),
        "kind": pa.array(["some words " * 9, "more"] * 1500).dictionary_encode(),
    }
)


@pytest.mark.parametrize("compression", ["zstd", "lz4", None])
@pytest.mark.parametrize("writer", [ipc.new_file, ipc.new_stream])
@pytest.mark.parametrize("version", [ipc.MetadataVersion.V4, ipc.MetadataVersion.V5])
def test_unpacked_bytes_of_arrow_are_those_of_its_buffers_and_rows(compression, writer, version):
    data = arrow_bytes(TABLE, writer, 1000, compression=compression, metadata_version=version)
    batch = 8 * 1000 + 4 * 1001 + 40 * 1000 + 4 * 1000
    words = 4 * 3 + 9 * 11 + 4
    assert sum(unpacked_bytes(stream_of(data))) == 256 * 3000 + (3 * batch + words if compression else 0)


def test_messages_of_old_files_are_read():
    data = arrow_bytes(TABLE, compression="zstd", use_legacy_format=True)
    assert sum(unpacked_bytes(stream_of(data))) == 256 * 3000 + 3 * 56_004 + 115


def test_a_buffer_that_is_not_compressed_beside_others_counts_nothing():
    """Its length is -1: compression would make it longer."""
    data = arrow_bytes(pa.table({"text": ["a" * 999]}), compression="zstd")
    assert sum(unpacked_bytes(stream_of(data))) == 256 + 999 + 8
    size = (999).to_bytes(8, "little")
    place = data.rindex(size, 0, data.rindex(b"\xff\xff\xff\xff"))
    assert sum(unpacked_bytes(stream_of(data[:place] + b"\xff" * 8 + data[place + 8 :]))) == 256 + 8


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.arrow", lambda: arrow_bytes(TABLE, compression="zstd")),
        ("b.arrow", lambda: arrow_bytes(TABLE, ipc.new_stream, compression="zstd")),
        ("a.parquet", lambda: parquet_bytes(TABLE, data_page_size=999)),
    ],
)
def test_damage_anywhere_is_one_line(name, make, tmp_path):
    data, random = make(), np.random.default_rng(1)
    for number in range(150):
        other = bytearray(data)
        for place in random.integers(0, len(data), 8):
            other[place] = random.integers(256)
        (tmp_path / name).write_bytes(other[: random.integers(8, len(data))] if number % 4 == 0 else other)
        told = ""
        try:
            list(read_rows(str(tmp_path / name), Ledger()))
        except HeadstartError as error:
            told = str(error)
        assert "\n" not in told


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("plain", [False, True])
def test_pages_of_parquet(version, plain):
    table = pa.table({"text": [f"word {number % 40}" * 9 for number in range(20_000)]})
    data = parquet_bytes(
        table, data_page_version=version, use_dictionary=not plain, data_page_size=4096, write_batch_size=100
    )
    column = parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
    found = pages_of(stream_of(data), column)
    assert found.values == 20_000
    assert found.delta == 0
    # The footer counts headers of pages too, some 50 bytes each.
    assert 0.9 * column.total_uncompressed_size < found.unpacked < column.total_uncompressed_size
    words = sum(4 + len(text) for text in set(table["text"].to_pylist()))
    assert found.dictionary == (0 if plain else words)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_pages_in_which_a_text_repeats_the_one_before(version):
    table = pa.table({"text": ["a long text " * 99] * 50, "number": [1.5] * 50})
    encoding = {"text": "DELTA_BYTE_ARRAY", "number": "PLAIN"}
    data = parquet_bytes(table, use_dictionary=False, column_encoding=encoding, data_page_version=version)
    group = parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    text, number = (pages_of(stream_of(data), group.column(place)) for place in (0, 1))
    assert text.delta == text.unpacked > 99 * 12
    assert (number.delta, number.dictionary, number.values) == (0, 0, 50)
    assert number.unpacked >= 50 * 8


@pytest.mark.parametrize("width", [1, 14, 15, 200])
def test_columns_lie_where_the_footer_says(width):
    table = pa.table({f"text {place}": [f"word {number % 7}" for number in range(30)] for place in range(width)})
    data = parquet_bytes(table, use_dictionary=["text 0"], row_group_size=10)
    about = parquet.ParquetFile(io.BytesIO(data)).metadata
    found = columns_of(stream_of(data))
    assert [len(group) for group in found] == [width] * 3
    for group, number in ((group, number) for group in range(3) for number in range(width)):
        one, told = found[group][number], about.row_group(group).column(number)
        assert (one.data_page_offset, one.total_compressed_size) == (told.data_page_offset, told.total_compressed_size)
        assert one.dictionary_page_offset == (told.dictionary_page_offset if number == 0 else None)


def test_a_footer_that_is_cut_off_or_damaged_is_refused():
    data = parquet_bytes(pa.table({"text": ["a", "b"] * 9}), row_group_size=6)
    size = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - size
    refused = 0
    for cut in range(1, size):
        broken = data[: start + cut] + cut.to_bytes(4, "little") + b"PAR1"
        with pytest.raises(ValueError, match=r"footer|header"):
            columns_of(stream_of(broken))
    for place in range(start, len(data) - 8):
        broken = data[:place] + bytes([data[place] ^ 0x99]) + data[place + 1 :]
        try:
            columns_of(stream_of(broken))
        except ValueError:
            refused += 1
    assert refused > 20


def test_text_in_the_place_of_a_header_is_refused_at_once():
    """Each letter is a field of a struct: 16 MiB of them took seven seconds."""
    data = b"PAR1" + b"a" * (1 << 24)
    begun = time.process_time()
    with pytest.raises(ValueError, match="a header is damaged"):
        pages_of(stream_of(data), Column(4, None, 1 << 24))
    assert time.process_time() - begun < 0.5


def test_a_long_header_is_read_whole(monkeypatch):
    data = parquet_bytes(pa.table({"text": ["some words", "and more"] * 99}), data_page_size=64, write_batch_size=9)
    column = parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
    known = pages_of(stream_of(data), column)
    monkeypatch.setattr(parquet_pages, "_HEADER", 3)
    assert pages_of(stream_of(data), column) == known
    with pytest.raises(ValueError, match="a page is cut off"):
        pages_of(stream_of(data[: column.data_page_offset + 9]), column)


@pytest.mark.parametrize(
    ("array", "size"),
    [
        (pa.array(["ab", None, "가"]), 5),
        (pa.array(["ab", None, "가"], pa.large_string()).slice(1), 3),
        (pa.array(["ab", None, "a text of more than twelve letters"], pa.string_view()).slice(1), 34),
        (pa.array([b"ab", b"c"], pa.binary_view()), 3),
        (pa.array([b"ab", b"c"], pa.large_binary()), 3),
        (pa.array([b"abc", b"def"], pa.binary(3)), 6),
        (pa.array([1, 2, None]), 0),
        (pa.array(["ab", "c", "ab", None, "ab"]).dictionary_encode(), 7),
        (pa.array(["ab", "c", "ab", None, "ab"]).dictionary_encode().slice(2), 4),
        (pa.array([[1, 2], None, [3]]), 3 * 8),
        (pa.array([[1, 2], None, [3]], pa.large_list(pa.int8())).slice(1), 8),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), 4 * 8),
        (pa.array([[None] * 4], pa.list_(pa.null())), 4 * 8),
        (pa.array([["ab", "c"], ["d"]]), 3 * 8 + 4),
        (pa.array([["ab", "ab"], ["ab"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))), 3 * 8 + 6),
        (pa.array([{"a": "xy", "b": [1]}, {"a": "z", "b": []}]), 3 + 8),
        (pa.RunEndEncodedArray.from_arrays([3, 5], ["ab", "c"]), 8),
        (pa.RunEndEncodedArray.from_arrays([3, 5], ["ab", "c"]).slice(1, 3), 5),
    ],
)
def test_bytes_of_cells_are_those_of_every_text_and_item(array, size):
    assert held_bytes(array) == size


def footer_that_lies(data: bytes) -> bytes:
    """Let the footer say of the only column that its pages unpack to 500 bytes."""
    size = parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).total_uncompressed_size
    told = varint(size)
    small = b"\xe8\x87" + b"\x80" * (len(told) - 3) + b"\x00"
    data = data.replace(told, small)
    assert parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).total_uncompressed_size == 500
    return data


def varint(number: int) -> bytes:
    number, out = number << 1, b""
    while number > 127:
        number, out = number >> 7, out + bytes([number & 127 | 128])
    return out + bytes([number])


def plain_texts() -> pa.Table:
    return pa.table({"text": pa.array([LONG] * COUNT)})


def many_in_a_list() -> pa.Table:
    texts = repeated(COUNT).cast(pa.string())
    return pa.table({"text": ["a"], "tokens": pa.ListArray.from_arrays([0, COUNT], texts)})


def nothing_told(stream, column) -> Pages:
    return Pages()


HOSTILE = {
    "file.arrow": (lambda: arrow_bytes(plain_texts(), compression="zstd"), arrow, "unpacked_bytes", lambda stream: [0]),
    "stream.arrow": (
        lambda: arrow_bytes(plain_texts(), ipc.new_stream, compression="zstd"),
        arrow,
        "unpacked_bytes",
        lambda stream: [0],
    ),
    "lie.parquet": (
        lambda: footer_that_lies(parquet_bytes(plain_texts(), use_dictionary=False, data_page_size=1 << 30)),
        parquet_reader,
        "pages_of",
        nothing_told,
    ),
    "dictionary.parquet": (
        lambda: parquet_bytes(pa.table({"text": repeated(COUNT).cast(pa.string())}), store_schema=False),
        parquet_reader,
        "pages_of",
        nothing_told,
    ),
    "list.parquet": (
        lambda: parquet_bytes(many_in_a_list(), store_schema=False),
        parquet_reader,
        "pages_of",
        nothing_told,
    ),
    "delta.parquet": (
        lambda: parquet_bytes(
            plain_texts(), store_schema=False, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}
        ),
        parquet_reader,
        "pages_of",
        nothing_told,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_unpacks_to_very_much_is_refused_before_it_does(name, tmp_path, monkeypatch):
    """The twin: without the look at sizes the memory of all texts is taken."""
    make, module, guard, without = HOSTILE[name]
    monkeypatch.setattr(row, "_BOMB", 4 * MEBI)
    (tmp_path / name).write_bytes(make())
    assert (tmp_path / name).stat().st_size < 20_000

    def read(bound: int, least: int) -> None:
        pool = pa.proxy_memory_pool(pa.system_memory_pool())
        pa.set_memory_pool(pool)
        with pytest.raises(HeadstartError, match=r"which looks like a bomb; write it uncompressed and without"):
            list(read_rows(str(tmp_path / name), Ledger()))
        assert least <= pool.max_memory() < bound

    assert Forked(lambda: read(12 * MEBI, 0)).wait() == 0
    monkeypatch.setattr(module, guard, without)
    assert Forked(lambda: read(1 << 40, (COUNT - 1) * MEBI)).wait() == 0
