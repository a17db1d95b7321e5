"""Byte streams: what is unpacked, how much, what damage leaves; line ends; what is no text."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import random

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import open as opening
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.row import ByteStream
from headstart.data.streams import decompressed, need_text, with_line_ends

NOISE = random.Random(0).randbytes(30_000).hex().encode()


def file_of(tmp_path, data: bytes) -> io.FileIO:
    (tmp_path / "a").write_bytes(data)
    return io.FileIO(tmp_path / "a")


def read(tmp_path, data: bytes) -> tuple[bytes, str, Ledger]:
    """Return (what is read of a file, why it ended before, the ledger)."""
    ledger = Ledger()
    with file_of(tmp_path, data) as raw, decompressed(raw, "a", ledger) as stream:
        return stream.read(), stream.damage, ledger


PACKERS = {"gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress}


@pytest.mark.parametrize("pack", PACKERS)
def test_what_is_unpacked_is_what_was_packed(pack, tmp_path):
    for data in (b"", b"a", b"some words\n" * 9_999, NOISE):
        assert read(tmp_path, PACKERS[pack](data))[:2] == (data, "")
    assert read(tmp_path, b"plain words")[:2] == (b"plain words", "")


@pytest.mark.parametrize("pack", PACKERS)
def test_a_file_that_was_cut_gives_its_beginning_and_says_so(pack, tmp_path):
    packed = PACKERS[pack](NOISE)
    found, damage, ledger = read(tmp_path, packed[: len(packed) // 2])
    assert NOISE.startswith(found)
    assert len(found) > 0 or pack == "bzip2"  # one block of which nothing is known before its end
    assert "ended before the end-of-stream marker" in damage
    assert ledger.complaints == [f"a: damaged compressed file ({damage}); the rows before were used"]
    assert ledger.broken == {"a": None}


@pytest.mark.parametrize("pack", PACKERS)
def test_a_file_that_was_changed_gives_its_beginning_and_how_far_it_was_read(pack, tmp_path):
    packed = bytearray(PACKERS[pack](NOISE))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = bytes(40)
    found, damage, ledger = read(tmp_path, bytes(packed))
    assert damage
    assert len(found) <= len(NOISE) + 999
    places = {one * len(packed) for one in ledger.broken.values()}
    # What is read of a file at once is more than this file, but for xz.
    assert ledger.broken == {"a": 1.0} or (pack == "xz" and places == {round(min(places))})
    assert len(ledger.complaints) == 1


def test_an_error_of_the_disk_is_no_damage(tmp_path):
    class Failing(io.FileIO):
        def readinto(self, buffer) -> int:
            if self.tell() > 100:
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(memoryview(buffer)[:60])

        def read(self, size: int = -1) -> bytes:
            data = bytearray(size if size >= 0 else 60)
            return bytes(data[: self.readinto(data)])

    (tmp_path / "a").write_bytes(gzip.compress(NOISE))
    ledger = Ledger()
    failed = pytest.raises(OSError, match="Input/output error")
    with Failing(tmp_path / "a") as raw, decompressed(raw, "a", ledger) as stream, failed:
        stream.read()
    assert ledger.complaints == []


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"a" * 15_000_000, False),  # of 16 MiB, from which on 200 times what was read is the limit
        (b"a" * 18_000_000, True),
        (b"\n" * 900_000, False),  # a line counts 16 bytes more
        (b"\n" * 1_100_000, True),
    ],
)
def test_a_packed_text_may_be_16_mebibytes_however_small_its_file_is(data, refused, tmp_path):
    packed = gzip.compress(data)
    if refused:
        with pytest.raises(HeadstartError, match="looks like a bomb; unpack it yourself"):
            read(tmp_path, packed)
    else:
        assert read(tmp_path, packed)[0] == data


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"one\rtwo\r", b"one\ntwo\n"),
        (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
        (b"one\ntwo\rthree\n", b"one\ntwo\rthree\n"),
        (b"one two", b"one two"),
        (b"one\r" * 50_000, b"one\n" * 50_000),
    ],
)
def test_carriage_returns_are_line_ends_where_there_is_no_other(text, found):
    assert with_line_ends(ByteStream(io.BytesIO(text), 1 << 16)).read() == found


WORDS = "영화가 정말 재미있다 ".encode("cp949")


@pytest.mark.parametrize(
    ("head", "refused"),
    [
        (WORDS * 20, False),
        (WORDS * 20 + b"\t\n\r\f\x1b" * 20, False),
        (WORDS * 2 + b"a" * (48 - 2 * len(WORDS)) + b"\x1f", True),  # a control character in 49 bytes
        (WORDS * 2 + b"a" * (49 - 2 * len(WORDS)) + b"\x1f", False),  # and in 50
        (WORDS * 9, False),
        (b"some words\x01" * 9, False),  # UTF-8, whatever it holds
        (b"some\x00words", True),
        ("some words".encode("utf-16"), False),
        (b"  <!DOCTYPE html><p>", True),
        (b"<p> is no page of its own", False),
        (b"PAR1....", True),
    ],
)
def test_what_is_no_text(head, refused):
    told = ""
    try:
        need_text(head, "a")
    except HeadstartError as error:
        told = str(error)
    assert bool(told) is refused, told


def test_a_zero_byte_is_named_with_its_place():
    with pytest.raises(HeadstartError, match=r"a: a binary file \(a zero byte at position 5\); text is read"):
        need_text(b"some\x00words", "a")


def test_errors_of_the_disk_are_one_line(monkeypatch, tmp_path):
    with pytest.raises(HeadstartError, match=r"^/proc/self/mem: cannot be read \(Input/output error\)$"):
        list(read_rows("/proc/self/mem", Ledger()))
    with pytest.raises(HeadstartError, match=r"gone\.txt: cannot be opened \(No such file or directory\)$"):
        list(read_rows(str(tmp_path / "gone.txt"), Ledger()))

    class Failing(ByteStream):
        def readline(self, size: int = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        def read(self, size: int = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "a.txt").write_text("some words\n")
    monkeypatch.setattr(opening, "decompressed", lambda raw, source, ledger: Failing(raw, 1 << 16))
    with pytest.raises(HeadstartError, match=r"a\.txt: cannot be read on \(Input/output error\)$"):
        list(read_rows(str(tmp_path / "a.txt"), Ledger()))
