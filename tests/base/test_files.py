"""Durable files: whole or not at all, also when the Nth write, fsync or rename fails; damage is seen."""

from __future__ import annotations

import errno
import os

import pytest

from headstart.base.errors import HeadstartError
from headstart.base.files import check_folder, disk_error, read_json, write_folder, write_json


def test_json_round_trip_and_damage(tmp_path):
    write_json(tmp_path / "a.json", {"말": [1, 2]})
    assert read_json(tmp_path / "a.json") == {"말": [1, 2]}
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(HeadstartError, match="line 1"):
        read_json(tmp_path / "a.json")


def test_a_refused_write_is_explained(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "MB free); what was saved before is intact: free some space" in str(disk_error(tmp_path / "a", full))
    assert "free about 2,001 MB and run" in str(disk_error(tmp_path / "a", full, need=2000 * 2**20))
    (tmp_path / "f").write_text("")
    assert str(disk_error(tmp_path / "f/a", NotADirectoryError())).endswith("f is a file, not a folder")
    assert "choose a folder you may write to" in str(disk_error(tmp_path / "a", PermissionError(13, "denied")))


def _fill(text):
    def fill(folder):
        (folder / "one.bin").write_bytes(text)
        (folder / "two.bin").write_bytes(text[::-1])

    return fill


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", range(6))
def test_a_failing_call_leaves_the_old_folder(tmp_path, monkeypatch, call, number):
    write_folder(tmp_path / "f", _fill(b"old" * 100))
    real, count = getattr(os, call), [0]

    def failing(*arguments):
        count[0] += 1
        if count[0] == number + 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))
        return real(*arguments)

    monkeypatch.setattr(os, call, failing)
    try:
        write_folder(tmp_path / "f", _fill(b"new" * 100))
        failed = False
    except OSError:
        failed = True
    monkeypatch.undo()
    assert check_folder(tmp_path / "f") is None
    held = (tmp_path / "f/one.bin").read_bytes()
    assert held in ((b"old" * 100, b"new" * 100) if failed else (b"new" * 100,))
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("fault", ["flip", "cut", "empty", "delete", "swap", "manifest"])
def test_every_damage_is_seen(tmp_path, fault):
    folder = tmp_path / "f"
    write_folder(folder, _fill(b"abcdef"))
    assert check_folder(folder) is None
    one, two = folder / "one.bin", folder / "two.bin"
    if fault == "flip":
        one.write_bytes(b"abcdeg")
    elif fault == "cut":
        one.write_bytes(b"abc")
    elif fault == "empty":
        one.write_bytes(b"")
    elif fault == "delete":
        one.unlink()
    elif fault == "swap":
        one.rename(folder / "x")
        two.rename(one)
        (folder / "x").rename(two)
    else:
        (folder / "manifest.json").write_text("[]")
    assert check_folder(folder)
