"""Byte streams: gzip, xz and bzip2, damaged files as far as they can be read; recognition of encodings."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.row import ByteStream, refuse

_BUFFER = 1 << 16
_OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}
_REFUSED = {
    b"PK\x03\x04": ("a zip archive (or .xlsx, .docx)", "unzip it, or export the table as CSV in UTF-8"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it: zstd -d FILE"),
    b"%PDF": ("a PDF", "export its text"),
    b"\x89PNG": ("an image", "this reads text"),
    b"\xff\xd8\xff": ("an image", "this reads text"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
    b"PAR1": ("a parquet file", "name it .parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Office file", "export the table as CSV in UTF-8"),
}
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


class _Raw(io.RawIOBase):
    """The decompressed bytes up to the end or the first damage, which is recorded as a complaint."""

    def __init__(self, inner: io.BufferedIOBase, source: str, ledger: Ledger):
        super().__init__()
        self.inner, self.source, self.ledger = inner, source, ledger
        self.damage = ""

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
            self.ledger.complain(f"damaged compressed file ({self.damage}); the rows before were used", self.source)
            return 0
        buffer[: len(data)] = data
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
    magic = raw.read(6)
    raw.seek(0)
    for start, opener in _OPENERS.items():
        if magic.startswith(start):
            return _Unpacked(_Raw(opener(raw), source, ledger))
    return ByteStream(raw, _BUFFER)


def check_encoding(head: bytes, source: str) -> None:
    """Raise HeadstartError unless the first bytes are UTF-8 text; it names the encoding and a command to convert it."""
    for start, (what, fix) in _REFUSED.items():
        if head.startswith(start):
            raise refuse(source, f"this is {what}, not text", fix)
    if (name := _wide(head)) is not None:
        raise _convert(source, name)
    if b"\x00" in head:
        raise refuse(source, f"a binary file (a zero byte at position {head.index(0) + 1})", "text in UTF-8 is read")
    if _decodes(head, "utf-8"):
        return
    mended = head.decode("utf-8", "replace")
    broken = mended.count("\ufffd")
    if sum(not c.isascii() for c in mended) >= 2 * broken:
        return  # UTF-8 with a few broken bytes: the reader skips and counts those rows
    for name in ("EUC-KR", "CP949"):
        if _decodes(head, name) and _korean(head.decode(name, "ignore")):
            raise _convert(source, name)
    if sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head) * 50 > len(head):
        raise refuse(source, "a binary file", "text in UTF-8 is read")
    bad = ["\ufffd" in line for line in mended.splitlines()]
    if sum(bad) * 10 > len(bad):
        raise HeadstartError(
            f"{source}: not UTF-8 and no encoding recognised; find it with `file -i {source}`, then "
            f"`iconv -f ENCODING -t UTF-8 {source} > {source}.utf8`"
        )


def _wide(head: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the bytes have such a byte-order mark or look like it, else None."""
    marks = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"))
    for mark, name in (*marks, (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
        if head.startswith(mark):
            return name
    if b"\x00" not in head:
        return None
    for name in ("UTF-16LE", "UTF-16BE"):
        text = head[: len(head) & ~1].decode(name, "ignore")
        readable = sum((c.isascii() and (c.isprintable() or c in "\r\n\t")) or "가" <= c <= "힣" for c in text)
        if text and readable > 0.9 * len(text):
            return name
    return None


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return True


def _korean(text: str) -> bool:
    foreign = [c for c in text if not c.isascii()]
    return sum("가" <= c <= "힣" for c in foreign) > 0.5 * len(foreign)


def _convert(source: str, name: str) -> HeadstartError:
    return HeadstartError(
        f"{source}: the text is {name}, not UTF-8; convert it: iconv -f {name} -t UTF-8 {source} > {source}.utf8"
    )
