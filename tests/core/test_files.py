"""Durable files: JSON in and out, refused writes in words, folders exchanged whole, leftovers of killed writers."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from headstart.core import files
from headstart.core.errors import HeadstartError
from headstart.core.files import disk_error, is_leftover, read_json, remove_leftovers, replace_folder, write_json


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


def folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)
    return path


@pytest.mark.parametrize("able", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, able):
    """In one step where the system can; elsewhere the old folder is moved away first."""
    if not able:
        monkeypatch.setattr(files, "_exchange", lambda one, two: False)
    replace_folder(folder(tmp_path / "one", "1"), tmp_path / "f")
    replace_folder(folder(tmp_path / "two", "2"), tmp_path / "f")
    assert (tmp_path / "f/file").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_without_an_exchange_a_failing_rename_brings_the_old_folder_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda one, two: False)
    folder(tmp_path / "f", "old")
    with pytest.raises(OSError):
        replace_folder(tmp_path / "nowhere", tmp_path / "f")
    assert (tmp_path / "f/file").read_text() == "old"


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_leftovers_are_known_by_name():
    for name in (".a.12.tmp", ".step-000000012.7.old", ".a.b.json.3.tmp"):
        assert is_leftover(name)
    for name in ("a.12.tmp", ".a.tmp", ".12.tmp.x", "tmp", ".hidden"):
        assert not is_leftover(name)


def test_leftovers_of_ended_writers_go_and_others_stay(tmp_path):
    dead = ended_process()
    folder(tmp_path / f".a.{dead}.tmp", "half")
    (tmp_path / f".b.json.{dead}.tmp").write_text("half")
    (tmp_path / f".c.{os.getppid()}.tmp").write_text("its writer is at work")
    (tmp_path / ".d").write_text("no leftover")
    remove_leftovers(tmp_path, "b.json")
    assert len(list(tmp_path.iterdir())) == 3
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".c.{os.getppid()}.tmp", ".d"]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    dead = ended_process()
    folder(tmp_path / f".f.{dead}.old", "old")
    folder(tmp_path / f".f.{dead}.tmp", "new")
    remove_leftovers(tmp_path, "f")
    assert (tmp_path / "f/file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
