"""What never ends is refused: devices, pipes beyond a stated limit, files that unpack to very much."""

from __future__ import annotations

import gzip
import io
import os
import resource
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from forked import Forked

from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.data import open as opening
from headstart.data import streams
from headstart.data.corpus import Corpus
from headstart.data.open import STDIN, on_disk


@pytest.fixture(autouse=True)
def _anew():
    opening._spooled.cache_clear()
    yield
    opening._spooled.cache_clear()


def read(name: str) -> list[str]:
    return list(Corpus([name]).documents())


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/urandom", "/dev/tty"])
def test_a_device_is_refused(name):
    if not Path(name).exists():
        pytest.skip(f"no {name} here")
    with pytest.raises(HeadstartError, match=rf"^{name}: this is a device, not a file") as raised:
        read(name)
    assert "\n" not in str(raised.value)


def test_standard_input_that_is_a_device_is_refused(monkeypatch):
    with open("/dev/zero", encoding="latin-1") as zero:
        monkeypatch.setattr(sys, "stdin", zero)
        with pytest.raises(HeadstartError, match=r"^standard input: this is a device"):
            read(STDIN)


def test_an_empty_device_is_an_empty_file():
    with pytest.raises(HeadstartError, match="/dev/null: the file is empty"):
        read("/dev/null")


def test_a_pipe_is_read_up_to_the_limit(monkeypatch, tmp_path):
    def given(lines: int) -> str:
        opening._spooled.cache_clear()
        pipe = tmp_path / f"pipe{lines}"
        os.mkfifo(pipe)

        def write() -> None:
            with open(pipe, "wb", buffering=0) as stream:
                try:
                    for _ in range(lines):
                        stream.write(b"a film\n" * 1000)
                except BrokenPipeError:  # nobody reads on
                    pass

        threading.Thread(target=write, daemon=True).start()
        return str(pipe)

    assert len(read(given(3))) == 3000
    monkeypatch.setattr(opening, "_MOST_COPIED", 100_000)
    assert len(read(given(4))) == 4000
    monkeypatch.setattr(opening, "_PART", 1 << 12)
    with pytest.raises(HeadstartError, match=r"pipe1000000: more than 0\.0 GiB \(.*\) came; write it to a file"):
        read(given(1_000_000))


def test_of_standard_input_beyond_the_limit_nothing_is_left(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a film\n" * 1000)))
    monkeypatch.setattr(opening, "_MOST_COPIED", 100)
    copies = []
    real = opening.lasting_scratch_folder
    monkeypatch.setattr(opening, "lasting_scratch_folder", lambda kind: copies.append(real(kind)) or copies[-1])
    with pytest.raises(HeadstartError, match="standard input: more than"):
        on_disk(STDIN)
    assert sum(path.stat().st_size for folder in copies for path in folder.rglob("*")) == 0


def test_a_packed_text_that_unpacks_to_very_much_is_refused(monkeypatch, tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a film\n" * 400_000))
    monkeypatch.setattr(streams, "_BOMB", 1 << 20)
    with pytest.raises(HeadstartError, match=r"a\.txt\.gz: it would unpack to 1?\d MiB .* looks like a bomb"):
        read(str(tmp_path / "a.txt.gz"))
    monkeypatch.setattr(streams, "need_no_bomb", lambda *given, **more: None)  # the twin: without the limit it is read
    assert len(read(str(tmp_path / "a.txt.gz"))) == 400_000


class Pieces(io.BytesIO):
    """A pipe that gives these pieces, one at a time."""

    def __init__(self, pieces: list) -> None:
        super().__init__()
        self.pieces = pieces

    def read(self, size: int = -1) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


class Typed:
    """Standard input of these pieces; it is no file, and nobody types it."""

    def __init__(self, pieces: list) -> None:
        self.buffer = Pieces(pieces)

    def fileno(self) -> int:
        raise io.UnsupportedOperation

    def isatty(self) -> bool:
        return False


class Gibibyte(bytes):
    """So many bytes, without the memory."""

    def __len__(self) -> int:
        return 1 << 30


class Sink(io.BytesIO):
    def write(self, data: bytes) -> int:
        return len(data)


@pytest.mark.parametrize(("count", "refused"), [(64, False), (65, True)])
def test_64_gibibytes_of_a_pipe_are_copied(count, refused, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1 << 50))
    monkeypatch.setattr(sys, "stdin", Typed([Gibibyte(b"x")] * count))
    if refused:
        with pytest.raises(HeadstartError, match=r"^standard input: more than 64\.0 GiB \(64 GiB, or half of the free"):
            opening.copied(STDIN, Sink(), tmp_path)
    else:
        opening.copied(STDIN, Sink(), tmp_path)


@pytest.mark.parametrize(
    ("pieces", "refused"),
    [([b"0123456789"], False), ([b"01234567890"], True), ([b"0123456789", b"0"], True), ([b"0"] * 10, False)],
)
def test_half_of_the_free_space_is_taken_at_most(pieces, refused, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=21))
    monkeypatch.setattr(sys, "stdin", Typed(list(pieces)))
    copy = io.BytesIO()
    if refused:
        with pytest.raises(HeadstartError, match="write it to a file and give that"):
            opening.copied(STDIN, copy, tmp_path)
        assert copy.getvalue() == b""
    else:
        opening.copied(STDIN, copy, tmp_path)
        assert copy.getvalue() == b"".join(pieces)


def test_what_somebody_types_is_read_and_other_devices_are_not(monkeypatch):
    typing, typed = os.openpty()
    os.write(typing, b"some words\n\x04\x04")
    with open(typed, encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert read(STDIN) == ["some words"]
        with pytest.raises(HeadstartError, match=r"^/dev/zero: this is a device"):
            read("/dev/zero")
    os.close(typing)


def test_a_pipe_and_standard_input_can_be_read_again(monkeypatch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"one\ntwo\n",), daemon=True).start()
    assert read(str(tmp_path / "pipe")) == read(str(tmp_path / "pipe")) == ["one", "two"]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("a file")])
def test_what_is_called_like_standard_input_is_not_read_for_it(make, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "-")
    monkeypatch.setattr(sys, "stdin", Typed([b"typed words\n"]))
    assert opening.expand(STDIN) == [STDIN]
    assert read(STDIN) == ["typed words"]
    (copy,) = opening.files_of(STDIN)
    assert copy.read_text() == "typed words\n"
    assert read("./-" if (tmp_path / "-").is_file() else STDIN) in (["a file"], ["typed words"])


def test_a_copy_that_the_disk_refuses_is_told_as_that(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Typed([b"typed words\n" * 99]))

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
        with pytest.raises(DiskError, match="larger than allowed"):
            read(STDIN)

    assert Forked(full).wait() == 0
