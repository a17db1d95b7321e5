"""What never ends is refused: devices, pipes beyond a stated limit, files that unpack to very much."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pytest

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
