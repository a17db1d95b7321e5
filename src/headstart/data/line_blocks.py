"""The lines of a text in blocks of about a mebibyte, cut together; what is wrong is looked at line by line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator

from headstart.data.ledger import Ledger
from headstart.data.row import MAX_ROW_BYTES, Block, ByteStream, ChangedStream, Line, Source, lines

_BYTES = 1 << 20


def line_blocks(source: Source, ledger: Ledger, before: int = 0) -> Iterator[Block]:
    """Yield the lines of a source as `lines(cut=True)` does; faulty ones are rejected. before: lines that were read."""
    stream, number = source.stream, before
    while data := stream.read(_BYTES):
        begun = data.rpartition(b"\n")[2]  # of the line that goes on
        rest = stream.readline(MAX_ROW_BYTES) if begun else b""
        if len(begun) + len(rest) >= MAX_ROW_BYTES:
            again = Source(source.name, ChangedStream(_Before(data + rest, stream), stream))
            for line in lines(again, cut=True, before=number):  # pieces of 16 MiB, a block each
                yield checked([line], source.name, ledger)
            return
        block = _decoded(data + rest, source, number)
        if block is None:
            again = Source(source.name, ChangedStream(io.BytesIO(data + rest), stream))
            yield checked(lines(again, before=number), source.name, ledger)
        else:
            yield block
        number += (data + rest).count(b"\n")


def checked(found: Iterable[Line], source: str, ledger: Ledger) -> Block:
    """Return lines as one block; those with a fault are rejected."""
    block = Block([], source, [])
    for line in found:
        if line.text is None:
            ledger.reject(line.fault, source, line.number, line.detail)
        else:
            block.values.append(line.text)
            block.lines.append(line.number)
    return block


def _decoded(data: bytes, source: Source, number: int) -> Block | None:
    """Return whole lines, None where a line is not plain: invalid bytes, a byte-order mark, cut off by damage."""
    whole = data.endswith(b"\n")
    if codecs.BOM_UTF8 in data or (not whole and source.stream.damage):
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    values = text.split("\n")
    if whole:
        values.pop()
    if "\r" in text:
        values = [value.removesuffix("\r") for value in values]
    return Block(values, source.name, range(number + 1, number + 1 + len(values)))


class _Before(io.RawIOBase):
    """Bytes that were read already, then those of a stream."""

    def __init__(self, data: bytes, stream: ByteStream):
        self._data, self._stream = io.BytesIO(data), stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        data = self._data.read(len(buffer)) or self._stream.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)
