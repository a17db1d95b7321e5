"""Writes that meet a full disk wait for room: within the limit, no longer; the clock of training stands still."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from headstart.core import files
from headstart.core.disk_errors import DiskError, DiskFull, disk_error
from headstart.core.files import AppendedFile
from headstart.training import room as module
from headstart.training.agreement import Agreement, Stop
from headstart.training.room import Room


def full(path: Path, need: int | None = None) -> DiskFull:
    return disk_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), need)


@pytest.fixture
def said(monkeypatch) -> list[str]:
    monkeypatch.setattr(module, "_LOOK", 0.01)
    monkeypatch.setattr(module, "_TELL", 0.05)
    return []


def refusing(times: int, error: Exception, done: list[int]):
    left = [times]

    def write() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        done.append(1)

    return write


def test_a_write_is_tried_until_there_is_room_and_the_clock_stands_still(tmp_path, said):
    stop, done = Stop(armed=True), []
    agreement, begun = Agreement(stop, 5.0), time.monotonic()
    Room(60, stop, said.append).wait_for(refusing(20, full(tmp_path), done))
    assert done == [1]
    assert time.monotonic() - begun > 0.2
    assert agreement.seconds < 5.1
    assert stop.armed
    assert [line.split(": ")[0] for line in said] == [str(tmp_path), said[-1]]
    assert said[-1] == "there is room again after 0 s; training goes on"


def test_the_limit_ends_it_and_the_free_room_is_looked_at_before(tmp_path, said):
    stop, done = Stop(armed=True), []
    with pytest.raises(DiskFull, match=r"free about 1,0\d\d,\d{3},\d{3} MB"):
        Room(0.3, stop, said.append).wait_for(refusing(1, full(tmp_path, need=1 << 50), done))
    assert done == []  # it was never tried again: so much was never free
    assert stop.armed
    assert "training waits up to 0 s for room (Ctrl-C ends it, what was saved is intact)" in said[0]
    assert said[1].startswith("waiting for room: ")
    assert said[1].endswith(" MB needed, 0 s left")


def test_without_a_limit_and_for_other_faults_nothing_waits(tmp_path, said):
    for most, error in ((0, full(tmp_path)), (60, disk_error(tmp_path, OSError(errno.EIO, "fault")))):
        with pytest.raises(DiskError):
            Room(most, Stop(), said.append).wait_for(refusing(1, error, []))
    assert said == []


def test_a_signal_is_heard_at_once(tmp_path, said):
    """`commands/session.py` interrupts where the loop is not armed: nothing can be saved."""
    stop = Stop(armed=True)

    def interrupt(line: str) -> None:
        said.append(line)
        assert not stop.armed
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Room(60, stop, interrupt).wait_for(refusing(1, full(tmp_path), []))


def test_lines_are_whole_or_absent(tmp_path, monkeypatch):
    file, refused = AppendedFile(tmp_path / "a"), [0]
    file.append("하나\n".encode())

    class Half:
        """A stream on a disk that takes half of what is written."""

        def __init__(self, stream) -> None:
            self.stream = stream

        def write(self, data: bytes) -> int:
            refused[0] += 1
            if refused[0] > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.stream.write(data[: len(data) // 2])

        def truncate(self, size: int) -> None:
            self.stream.truncate(size)

    real = file._stream
    file._stream = Half(real)
    with pytest.raises(DiskFull, match="disk full while writing"):
        file.append(b"a line of some length\n")
    assert (tmp_path / "a").read_text() == "하나\n"
    file._stream = real
    file.append(b"two\n")
    file.close()
    assert files.whole_lines(tmp_path / "a") == ["하나", "two"]
