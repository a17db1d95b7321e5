"""What the pages of a parquet file unpack to, told by their headers: the footer may say less than there is.

Where the pages lie is read here too: pyarrow ends the process when a damaged footer is asked for a column that it has
not.

Headers are structs of Thrift's compact protocol, as https://parquet.apache.org/docs/file-format/data-pages/ has them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from headstart.data.row import ByteStream

_HEADER = 1 << 12  # bytes in which nearly every header fits; statistics may make it longer
_LONGEST = 1 << 24  # bytes of a header, as pyarrow takes them
_DEEPEST = 8  # structs in structs
_FIELDS = 100  # of a struct, at most; the format has 17
_SIZES = {1: 0, 2: 0, 3: 1, 7: 8}  # of truth values, bytes and fractions
_TAIL = 8  # bytes at the end of a file: how long the footer is, and the name of the format
_DICTIONARY, _DELTA = 2, 7  # a kind of page; the encoding DELTA_BYTE_ARRAY, in which a text repeats the one before


@dataclass(frozen=True)
class Column:
    """Where the pages of a column of a row group lie: bytes from the start of the file, and how many."""

    data_page_offset: int
    dictionary_page_offset: int | None
    total_compressed_size: int


@dataclass
class Pages:
    """The pages of a column of a row group. unpacked: their bytes; dictionary, delta: of these, bytes that every value
    may repeat; values: how many there are."""

    unpacked: int = 0
    dictionary: int = 0
    delta: int = 0
    values: int = 0


def columns_of(stream: ByteStream) -> list[list[Column]]:
    """Return the columns of each row group. Raises ValueError: the footer is damaged."""
    end = stream.seek(0, os.SEEK_END) - _TAIL
    stream.seek(end)
    start = end - int.from_bytes(stream.read(4), "little")
    stream.seek(max(0, start))
    try:
        footer, _ = _struct(stream.read(end - max(0, start)), 0, 0)
    except IndexError:
        raise ValueError("the footer is cut off") from None
    groups = [_listed(group, 1) for group in _listed(footer, 4)]
    return [[_column(chunk) for chunk in group] for group in groups]


def _listed(fields: Any, number: int) -> list[Any]:
    value = fields.get(number) if isinstance(fields, dict) else None
    if not isinstance(value, list):
        raise ValueError("the footer is damaged")
    return value


def _column(chunk: Any) -> Column:
    about = chunk.get(3) if isinstance(chunk, dict) else None
    if not isinstance(about, dict):
        raise ValueError("the footer is damaged")
    return Column(_number(about, 9), _number(about, 11) if 11 in about else None, _number(about, 7))


def pages_of(stream: ByteStream, column: Column) -> Pages:
    """Return the pages of a column. Raises ValueError: a header is damaged."""
    place = min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset)
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
    """Return (fields by number, where it ends): whole numbers, structs and lists as they are, others as None."""
    fields: dict[int, Any] = {}
    number = 0
    for _ in range(_FIELDS):
        head, at = data[at], at + 1
        if not head:
            return fields, at
        step, kind = head >> 4, head & 15
        if step:
            number += step
        else:
            number, at = _whole(data, at)
        fields[number], at = _value(data, at, kind, depth)
    raise ValueError("a header is damaged")


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    """Return (a value of a kind, where it ends)."""
    if kind in (4, 5, 6):
        return _whole(data, at)
    if kind == 8:  # bytes
        length, at = _unsigned(data, at)
        return None, at + length
    if kind == 12 and depth < _DEEPEST:
        return _struct(data, at, depth + 1)
    if kind == 9 and depth < _DEEPEST:
        return _list(data, at, depth + 1)
    if kind in _SIZES:
        return None, at + _SIZES[kind]
    raise ValueError("a header is damaged")


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    """Return (values, where the list ends). The byte of their kind counts up to 14; truth values take a byte each."""
    count, kind = data[at] >> 4, data[at] & 15
    at += 1
    if count == 15:
        count, at = _unsigned(data, at)
    found = []
    for _ in range(count):
        data[at]  # the list ends where the bytes do, however many it says there are
        value, at = (None, at + 1) if kind in (1, 2) else _value(data, at, kind, depth)
        found.append(value)
    return found, at


def _number(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or value < 0:
        raise ValueError("a header is damaged")
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
    raise ValueError("a header is damaged")
