"""What the pages of a parquet file unpack to, told by their headers: the footer may say less than there is.

Headers are structs of Thrift's compact protocol, as https://parquet.apache.org/docs/file-format/data-pages/ has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headstart.data.row import ByteStream

_HEADER = 1 << 12  # bytes in which nearly every header fits; statistics may make it longer
_LONGEST = 1 << 24  # bytes of a header, as pyarrow takes them
_DEEPEST = 8  # structs in structs
_SIZES = {1: 0, 2: 0, 3: 1, 7: 8}  # of truth values, bytes and fractions
_DICTIONARY, _DELTA = 2, 7  # a kind of page; the encoding DELTA_BYTE_ARRAY, in which a text repeats the one before


@dataclass
class Pages:
    """The pages of a column of a row group. unpacked: their bytes; dictionary, delta: of these, bytes that every value
    may repeat; values: how many there are."""

    unpacked: int = 0
    dictionary: int = 0
    delta: int = 0
    values: int = 0


def pages_of(stream: ByteStream, column: Any) -> Pages:
    """Return the pages of a column. column: its metadata, `pyarrow.parquet.ColumnChunkMetaData`.

    Raises ValueError: a header is damaged.
    """
    place = column.data_page_offset
    if column.has_dictionary_page:
        place = min(place, column.dictionary_page_offset or place)
    end, found = place + column.total_compressed_size, Pages()
    while place < end:
        header, size = _header(stream, place)
        packed, unpacked = _number(header, 3), _number(header, 2)
        about, encoding = (header[5], 2) if 5 in header else (header.get(8), 4)  # of data, version 1 or 2
        if isinstance(about, dict):
            found.values += _number(about, 1)
            found.delta += unpacked * (about.get(encoding) == _DELTA)
        found.unpacked += unpacked
        found.dictionary += unpacked * (header.get(1) == _DICTIONARY)
        place += size + packed
    return found


def _header(stream: ByteStream, place: int) -> tuple[dict[int, Any], int]:
    """Return (fields by number, bytes) of the header at a place."""
    most = _HEADER
    while True:
        stream.seek(place)
        data = stream.read(most)
        try:
            return _struct(data, 0, 0)
        except IndexError:
            if len(data) < most or most >= _LONGEST:
                raise ValueError("a page is cut off") from None
            most *= 16


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return (fields by number, where it ends): whole numbers and structs as they are, others as None."""
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        step, kind = head >> 4, head & 15
        if step:
            number += step
        else:
            number, at = _whole(data, at)
        value = None
        if kind in (4, 5, 6):
            value, at = _whole(data, at)
        elif kind == 8:  # bytes
            length, at = _unsigned(data, at)
            at += length
        elif kind == 12 and depth < _DEEPEST:
            value, at = _struct(data, at, depth + 1)
        elif kind in _SIZES:
            at += _SIZES[kind]
        else:
            raise ValueError("a header of a page is damaged")
        fields[number] = value
    return fields, at + 1


def _number(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or value < 0:
        raise ValueError("a header of a page is damaged")
    return value


def _whole(data: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at + shift // 7] & 127) << shift
        if data[at + shift // 7] < 128:
            return value, at + shift // 7 + 1
    raise ValueError("a header of a page is damaged")
