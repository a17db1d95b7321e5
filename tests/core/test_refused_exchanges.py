"""Names that cannot be exchanged in one step: where the system or the disk has no such call, and where it refuses."""

from __future__ import annotations

import ctypes
import errno
import os
import time

import pytest

from headstart.core import files


class NoCall:
    """A library without the call."""


@pytest.mark.parametrize("fault", [OSError("no library"), TypeError("no name"), None])
def test_without_the_call_nothing_is_exchanged(tmp_path, monkeypatch, fault):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    def library(*given, **named):
        if fault:
            raise fault
        return NoCall()

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert files._exchange(tmp_path / "one", tmp_path / "two") is False


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV])
def test_where_the_disk_has_no_such_call_another_way_is_taken(tmp_path, monkeypatch, code):
    monkeypatch.setattr(ctypes, "get_errno", lambda: code)
    assert files._exchange(tmp_path / "none", tmp_path / "neither") is False


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.ENOSPC])
def test_a_refusal_is_raised(tmp_path, monkeypatch, code):
    monkeypatch.setattr(ctypes, "get_errno", lambda: code)
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        files._exchange(tmp_path / "none", tmp_path / "neither")
    assert caught.value.errno == code
    assert caught.value.filename == str(tmp_path / "neither")


def test_what_is_gone_is_not_silent(tmp_path):
    """Whoever removes it meanwhile is at work."""
    assert files._is_silent(tmp_path / "gone") is False


@pytest.mark.parametrize(("age", "silent"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("folder", [False, True])
def test_a_day_without_a_change_is_silence(tmp_path, age, silent, folder):
    path = tmp_path / "left"
    if folder:
        path.mkdir()
    inner = path / "inner" if folder else path
    inner.write_text("x")
    then = time.time() - age * 24 * 3600
    os.utime(inner, (then, then))
    if folder:
        old = time.time() - 9 * 24 * 3600
        os.utime(path, (old, old))
    assert files._is_silent(path) is silent
