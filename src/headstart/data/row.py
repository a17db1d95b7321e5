"""What readers read and yield: a source, its rows, and bounded, strict UTF-8 lines for the line-based formats."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data.ledger import Ledger

MAX_ROW_BYTES = 16 * 2**20
_BUFFER = 1 << 16
_PART = 1 << 20  # bytes that are read at once
_BLOCK_ROWS = 1000
_BLOCK_CHARACTERS = 1 << 20
_CHARACTERS_ELSE = 1 << 14  # an image, which a processor may turn into tokens too, counts as a long text
_MOST_RATIO = 200  # unpacked bytes to those of the file
_BOMB = 1 << 28  # unpacked bytes from which on the ratio counts
ROW_BYTES = 256  # what a row takes at least, however little of a file it is
BAD_UTF8 = "not valid UTF-8"
CUT_OFF = "cut off by the damaged end of the file"
TOO_LONG = "longer than 16 MiB"
_GOES_ON = re.compile(rb"[\xc0-\xff][\x80-\xbf]*\Z")  # a last character, of which more may follow


@dataclass(frozen=True, slots=True)
class Row:
    """value: a text, an image, or the cells of a table row by column; source: the file's name; line: where it starts,
    from 1."""

    value: str | ImageRef | dict[str, Any]
    source: str
    line: int


class Block(NamedTuple):
    """Rows of one source, many at a time; see `Row`."""

    values: list[Any]
    source: str
    lines: Sequence[int]

    def rows(self) -> Iterator[Row]:
        """Yield them one by one."""
        return (Row(value, self.source, line) for value, line in zip(self.values, self.lines))


def in_blocks(rows: Iterator[Row]) -> Iterator[Block]:
    """Yield rows in blocks of up to 1,000 or 1 Mi characters, so that long documents do not pile up."""
    block, size = Block([], "", []), 0
    for row in rows:
        if row.source != block.source or len(block.values) == _BLOCK_ROWS or size >= _BLOCK_CHARACTERS:
            if block.values:
                yield block
            block, size = Block([], row.source, []), 0
        block.values.append(row.value)
        block.lines.append(row.line)
        size += len(row.value) if isinstance(row.value, str) else _CHARACTERS_ELSE
    if block.values:
        yield block


class ByteStream(io.BufferedReader):
    """The buffered bytes of a file, decompressed where the file is compressed."""

    @property
    def damage(self) -> str:
        """Why decompression stopped before the end of the file, once it did; empty for a sound file."""
        return ""


class ChangedStream(ByteStream):
    """The bytes that `raw` makes of another stream's."""

    def __init__(self, raw: io.RawIOBase, inner: ByteStream):
        super().__init__(raw, _BUFFER)
        self._inner = inner

    @property
    def damage(self) -> str:
        """See `ByteStream`."""
        return self._inner.damage


@dataclass(frozen=True)
class Source:
    """The input of a reader.

    name: for messages. stream: the bytes after any byte-order mark; None for a folder. folder: the folder, for a reader
    with `ReaderSpec.folders`; else None.
    """

    name: str
    stream: ByteStream | None = None
    folder: Path | None = None


class Line(NamedTuple):
    """A line without its end (LF or CRLF). text is None when `fault` says why it cannot be used."""

    number: int
    text: str | None
    fault: str = ""
    detail: str = ""


def decode(raw: bytes) -> tuple[str | None, str]:
    """Return (text, '') of strict UTF-8, or (None, description of the invalid bytes)."""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        where = f"byte 0x{raw[error.start]:02x} at position {error.start + 1}"
    try:
        guess = raw.decode("cp949")
    except UnicodeDecodeError:
        return None, where
    return None, where + (", looks like CP949" if any("가" <= c <= "힣" for c in guess) else "")


def lines(source: Source, *, cut: bool = False, before: int = 0) -> Iterator[Line]:
    """Yield the lines of a file, never holding more than 16 MiB.

    A longer line is yielded as a fault, or in pieces of 16 MiB when `cut` (the pieces share its number). The last
    line of a damaged compressed file is a fault if it has no end of line. before: lines that were read already.
    """
    number, stream = before, source.stream
    while raw := stream.readline(MAX_ROW_BYTES):
        number += 1
        long = not raw.endswith(b"\n") and len(raw) == MAX_ROW_BYTES
        if long and cut:
            yield from _pieces(stream, raw, number)
        elif long:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_ROW_BYTES)
            yield Line(number, None, TOO_LONG)
        elif not raw.endswith(b"\n") and stream.damage:
            yield Line(number, None, CUT_OFF)
        else:
            yield _line(number, raw)


def _line(number: int, raw: bytes) -> Line:
    text, fault = decode(raw.removeprefix(codecs.BOM_UTF8))  # files with marks that were put one behind the other
    if text is None:
        return Line(number, None, BAD_UTF8, fault)
    return Line(number, text.removesuffix("\n").removesuffix("\r"))


def _pieces(stream: ByteStream, raw: bytes, number: int) -> Iterator[Line]:
    """Yield one very long line in pieces, cut between characters."""
    rest = b""
    while raw:
        raw = rest + raw
        last = _GOES_ON.search(raw, len(raw) - 3)
        end = last.start() if last else len(raw)
        yield _line(number, raw[:end])
        rest = raw[end:]
        raw = b"" if raw.endswith(b"\n") else stream.readline(MAX_ROW_BYTES)
    if rest:
        yield _line(number, rest)


def usable(source: Source, ledger: Ledger) -> Iterator[Line]:
    """Yield lines with text; a faulty line is counted as a row that was read and skipped."""
    for line in lines(source):
        if line.text is None:
            ledger.reject(line.fault, source.name, line.number, line.detail)
        else:
            yield line


def refuse(source: str, what: str, fix: str) -> HeadstartError:
    """Return the error for a file that cannot be read at all: the problem and the fix."""
    return HeadstartError(f"{source}: {what}; {fix}")


def read_whole(source: Source, most: int) -> bytes:
    """Return the bytes of a file, or one and more beyond `most`; memory is taken as they come."""
    parts, size = [], 0
    while size <= most and (data := source.stream.read(_PART)):
        parts.append(data)
        size += len(data)
    return b"".join(parts)


def most_unpacked(size: int) -> int:
    """Return the bytes to which a file of that size may unpack."""
    return max(_BOMB, _MOST_RATIO * size)


def need_no_bomb(source: str, unpacked: int, size: int, fix: str, *, least: int | None = None) -> None:
    """Raise HeadstartError where a file would become very much larger than it is; all sizes in bytes.

    least: unpacked, below which it may be as it likes, by default 256 MiB.
    """
    if unpacked > (max(least, _MOST_RATIO * size) if least else most_unpacked(size)):
        sizes = f"{unpacked >> 20:,} MiB from {size / 2**20:,.2f}"
        raise refuse(source, f"it would unpack to {sizes}, which looks like a bomb", fix)


def short(error: BaseException) -> str:
    """Return what another library says of a file, in a few words."""
    return str(error).partition("\n")[0][:120]


def is_writable(text: str) -> bool:
    """Whether a text can be written as UTF-8, as reports are: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
