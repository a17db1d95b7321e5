"""What the buffers of an Arrow file unpack to, told before any of them is unpacked.

A compressed buffer begins with the number of its unpacked bytes, for which pyarrow takes memory at once. Messages are
flatbuffers: Message.fbs and File.fbs of https://arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from headstart.data.row import ROW_BYTES, ByteStream

FILE, STREAM = b"ARROW1\x00\x00", b"\xff\xff\xff\xff"  # what a file begins with, and each message
_TRAILER = 10  # bytes behind the footer of a file: its size and the first six of FILE
_VERSION_4 = b"ARROW:experimental_compression"  # in messages from before compression had a field of its own
_DICTIONARY, _BATCH = 2, 3  # kinds of messages


def unpacked_bytes(stream: ByteStream) -> Iterator[int]:
    """Yield for each message how many bytes its compressed buffers and rows take; a message that is cut off ends it.

    stream: a file or a stream of Arrow. Raises ValueError: damaged.
    """
    stream.seek(0)
    messages = _of_file(stream) if stream.read(len(FILE)) == FILE else _of_stream(stream)
    try:
        for body, metadata in messages:
            yield ROW_BYTES * _rows(metadata) + sum(_prefixes(stream, body, metadata))
    except struct.error as error:
        raise ValueError(f"a message is damaged: {error}") from None


def _of_file(stream: ByteStream) -> Iterator[tuple[int, bytes]]:
    """Yield (where its buffers begin, metadata) of each message that the footer names."""
    end = stream.seek(0, os.SEEK_END) - _TRAILER
    (size,) = struct.unpack("<i", _read(stream, end, 4))
    footer = _read(stream, end - size, size)
    for number in (_DICTIONARY, _BATCH):  # the numbers of the fields are those of the kinds
        for place in _vector(footer, _field(footer, _root(footer), number), 24):
            offset, size = struct.unpack_from("<qi", footer, place)
            metadata = _read(stream, offset, size)
            yield offset + size, metadata[8 if metadata.startswith(STREAM) else 4 :]


def _of_stream(stream: ByteStream) -> Iterator[tuple[int, bytes]]:
    """Yield (where its buffers begin, metadata) of one message after the other."""
    place = 0
    while len(head := _read(stream, place, 8)) == 8:
        marked = head.startswith(STREAM)  # not in files of before 2019
        begin = place + (8 if marked else 4)
        (size,) = struct.unpack_from("<i", head, 4 if marked else 0)
        if size <= 0 or len(metadata := _read(stream, begin, size)) < size:
            return
        yield begin + size, metadata
        length = _field(metadata, _root(metadata), 3)
        place = begin + size + max(struct.unpack_from("<q", metadata, length)[0] if length else 0, 0)


def _rows(metadata: bytes) -> int:
    """Return how many rows a message holds, 0 where it is no batch."""
    root = _root(metadata)
    if struct.unpack_from("<B", metadata, _field(metadata, root, 1))[0] != _BATCH:
        return 0
    length = _field(metadata, _follow(metadata, _field(metadata, root, 2)), 0)
    return max(struct.unpack_from("<q", metadata, length)[0], 0) if length else 0


def _prefixes(stream: ByteStream, body: int, metadata: bytes) -> Iterator[int]:
    """Yield the unpacked bytes of each compressed buffer of a message."""
    root = _root(metadata)
    (kind,) = struct.unpack_from("<B", metadata, _field(metadata, root, 1))
    table = _follow(metadata, _field(metadata, root, 2))
    if kind == _DICTIONARY:
        table = _follow(metadata, _field(metadata, table, 1))
    elif kind != _BATCH:
        return
    if not _field(metadata, table, 3) and _VERSION_4 not in metadata:
        return
    for place in _vector(metadata, _field(metadata, table, 2), 16):
        offset, size = struct.unpack_from("<qq", metadata, place)
        if size > 0:
            # -1 stands for a buffer that compression would make longer.
            yield max(int.from_bytes(_read(stream, body + offset, 8), "little", signed=True), 0)


def _read(stream: ByteStream, place: int, size: int) -> bytes:
    if place < 0 or size < 0:
        raise ValueError("a message lies outside of the file")
    stream.seek(place)
    return stream.read(size)


def _root(data: bytes) -> int:
    return _follow(data, 0)


def _follow(data: bytes, place: int) -> int:
    """Return where what this place points to lies."""
    return place + struct.unpack_from("<I", data, place)[0]


def _field(data: bytes, table: int, number: int) -> int:
    """Return where a field of a table lies, 0 where it is left out."""
    shape = table - struct.unpack_from("<i", data, table)[0]
    (size,) = struct.unpack_from("<H", data, shape)
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", data, shape + place)[0] if place < size else 0
    return table + offset if offset else 0


def _vector(data: bytes, field: int, size: int) -> range:
    """Return where the items of a vector lie, each of so many bytes."""
    if not field:
        return range(0)
    begin = _follow(data, field)
    return range(begin + 4, begin + 4 + size * struct.unpack_from("<I", data, begin)[0], size)
