"""Byte streams: gzip, xz and bzip2, damaged files as far as they can be read; what is no text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib

from headstart.data.encodings import decodes, wide
from headstart.data.ledger import Ledger
from headstart.data.row import ByteStream, ChangedStream, need_no_bomb, refuse

_BUFFER = 1 << 16
_LINE = 16  # bytes that a line counts besides its own
_BOMB = 1 << 24  # unpacked bytes from which on a file may be a bomb
_OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}
_REFUSED = {
    b"PK\x03\x04": ("a zip archive (or .docx)", "unzip it"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it: zstd -d FILE"),
    b"%PDF": ("a PDF", "export its text"),
    b"\x89PNG": ("an image", "this reads text"),
    b"\xff\xd8\xff": ("an image", "this reads text"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
    b"PAR1": ("a parquet file", "name it .parquet"),
    b"\x89HDF": ("an HDF5 file", "export the table as CSV or parquet"),
    b"$FL": ("a file of SPSS", "export the table as CSV"),
    b"<stata_dta>": ("a file of Stata", "export the table as CSV"),
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        ("a pickle of Python, which could run code", "write the table as CSV or parquet"),
    ),
    b"\xd0\xcf\x11\xe0": ("an old Office file", "save the table as .xlsx or CSV"),
}
_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|table|\?xml|mso-application|meta)\b", re.IGNORECASE)
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


class _Raw(io.RawIOBase):
    """The decompressed bytes up to the end or the first damage, which is recorded as a complaint.

    Raises HeadstartError: they are many times as many as what was read of the file.
    """

    def __init__(self, inner: io.BufferedIOBase, packed: io.FileIO, source: str, ledger: Ledger):
        self.inner, self.packed, self.source, self.ledger = inner, packed, source, ledger
        self.damage, self.given = "", 0  # given: bytes so far

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        if self.damage:
            return 0
        try:
            data = self.inner.read1(len(buffer))  # read1 keeps bytes decompressed before the damage
        except (*_DAMAGE, OSError) as error:
            if not isinstance(error, _DAMAGE) and error.errno is not None:
                raise
            self.damage = str(error) or type(error).__name__
            place, size = self.packed.tell(), self.packed.seek(0, io.SEEK_END)
            self.ledger.broken[self.source] = None if isinstance(error, EOFError) else place / size
            self.ledger.complain(f"damaged compressed file ({self.damage}); the rows before were used", self.source)
            return 0
        buffer[: len(data)] = data
        self.given += len(data) + _LINE * data.count(b"\n")
        need_no_bomb(self.source, self.given, self.packed.tell(), "unpack it yourself", least=_BOMB)
        return len(data)


class _Unpacked(ByteStream):
    """A decompressed stream; a last line without its end is half a line where there is `damage`."""

    def __init__(self, raw: _Raw):
        super().__init__(raw, _BUFFER)
        self._unpacking = raw

    @property
    def damage(self) -> str:
        """See `ByteStream`."""
        return self._unpacking.damage


def decompressed(raw: io.FileIO, source: str, ledger: Ledger) -> ByteStream:
    """Return a buffered stream, decompressed if the first bytes (not the name) are those of a compressed file.

    A truncated file gives its readable part and one complaint.
    """
    magic = raw.read(max(map(len, _OPENERS)))
    raw.seek(0)
    for start, opener in _OPENERS.items():
        if magic.startswith(start):
            return _Unpacked(_Raw(opener(raw), raw, source, ledger))
    return ByteStream(raw, _BUFFER)


class _LineEnds(io.RawIOBase):
    """Bytes in which every carriage return is a line end."""

    def __init__(self, inner: ByteStream):
        self.inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        data = self.inner.read1(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)


def with_line_ends(stream: ByteStream) -> ByteStream:
    """Return a text with line feeds where its lines end with carriage returns alone, as in old Macintosh files."""
    head = stream.peek(_BUFFER)
    return ChangedStream(_LineEnds(stream), stream) if b"\r" in head and b"\n" not in head else stream


def need_text(head: bytes, source: str) -> None:
    """Raise HeadstartError where the first bytes are those of an archive, an image or other binary data."""
    for start, (what, fix) in _REFUSED.items():
        if head.startswith(start):
            raise refuse(source, f"this is {what}, not text", fix)
    if _PAGE.match(head):
        raise refuse(source, "a web page or XML, as some programs save tables", "save it as .xlsx or CSV")
    if wide(head) is not None:
        return
    if b"\x00" in head:
        raise refuse(source, f"a binary file (a zero byte at position {head.index(0) + 1})", "text is read")
    if not decodes(head, "utf-8") and sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head) * 50 > len(head):
        raise refuse(source, "a binary file", "text is read")
