"""Durable files: JSON in and out, refused writes in words, folders exchanged whole, leftovers of killed writers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from headstart.core import files
from headstart.core.errors import HeadstartError
from headstart.core.files import is_leftover, is_passing, remove_leftovers, replace_folder, temporary_beside
from headstart.core.holder import Holder
from headstart.core.json_files import read_json, write_json


def test_json_round_trip_and_damage(tmp_path):
    write_json(tmp_path / "a.json", {"말": [1, 2]})
    assert read_json(tmp_path / "a.json") == {"말": [1, 2]}
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(HeadstartError, match="line 1"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 50_000 + b"]" * 50_000, "not valid JSON"),
        (b"[" * 101 + b"]" * 101, "nested deeper than 100"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "a number of 5,000 digits"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b'{"a": -Infinity}', "-Infinity is no number of JSON"),
        (rb'{"a": "\ud800"}', "surrogates not allowed"),
        (b'{"a": "\xff"}', "invalid start byte"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"{}{}", "Extra data"),
        (b"", "line 1"),
    ],
)
def test_json_that_no_file_of_ours_holds_is_one_line(tmp_path, content, said):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(HeadstartError, match="not valid JSON") as raised:
        read_json(tmp_path / "a.json")
    assert said in str(raised.value)
    assert str(tmp_path / "a.json") in str(raised.value)
    assert len(str(raised.value)) < 300


def test_large_and_odd_numbers_of_others_are_read(tmp_path):
    (tmp_path / "a.json").write_text(
        '{"a": [1000000000000000019884624838656, 1e-999, -0.0, 1e30], "b": "\\ud83d\\ude00"}'
    )
    assert read_json(tmp_path / "a.json") == {"a": [1000000000000000019884624838656, 0.0, 0.0, 1e30], "b": "😀"}


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


def mark_of_an_ended_process() -> str:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return replace(Holder.here(), process=process.pid).mark


def left(path, mark, ending="tmp"):
    """The name that a writer of this mark used beside `path`."""
    return path.with_name(f".{path.name}.{mark}-0a1b2c.{ending}")


def test_leftovers_are_known_by_name(tmp_path):
    for name in (".a.12.tmp", ".step-000000012.7.old", ".a.b.json.3.tmp", ".a.12-01234567-99-0a1b2c.tmp"):
        assert is_leftover(name)
    for name in ("a.12.tmp", ".a.tmp", ".12.tmp.x", "tmp", ".hidden", ".a.12-01234567-99.tmp", ".writer"):
        assert not is_leftover(name)
    assert is_leftover(temporary_beside(tmp_path / "a.12.json").name)
    assert is_passing(".writer")
    assert not is_passing("writer")


def test_two_writers_of_one_process_do_not_share_a_name(tmp_path):
    names = {temporary_beside(tmp_path / "a") for _ in range(100)}
    assert len(names) == 100


def test_leftovers_of_ended_writers_go_and_others_stay(tmp_path):
    dead, parent = mark_of_an_ended_process(), os.getppid()
    folder(left(tmp_path / "a", dead), "half")
    left(tmp_path / "b.json", dead).write_text("half")
    alive = Holder.of(parent)
    stay = [
        left(tmp_path / "c", alive.mark),
        left(tmp_path / "e", Holder.here().mark),
        left(tmp_path / "g", replace(alive, host="elsewhere").mark),
        left(tmp_path / "h", replace(Holder.here(), host="elsewhere", process=1 << 22).mark),
        tmp_path / f".i.{1 << 22}.tmp",  # of a version that did not name its machine
        tmp_path / ".d",
    ]
    for path in stay:
        path.write_text("its writer may be at work")
    remove_leftovers(tmp_path, "b.json")
    assert len(list(tmp_path.iterdir())) == 1 + len(stay)
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(stay)


def test_another_process_of_the_same_number_is_no_writer(tmp_path):
    path = left(tmp_path / "a", replace(Holder.of(os.getppid()), began="1").mark)
    path.write_text("half")
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_where_a_writer_cannot_be_looked_for_a_day_of_silence_tells(tmp_path):
    elsewhere = folder(left(tmp_path / "a", replace(Holder.here(), host="elsewhere").mark), "half")
    old = tmp_path / f".b.{os.getpid()}.tmp"
    old.write_text("half")
    for path in (elsewhere, elsewhere / "file", old):
        os.utime(path, (1, 1))
    os.utime(elsewhere / "file")
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [elsewhere]
    os.utime(elsewhere / "file", (1, 1))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    dead = mark_of_an_ended_process()
    folder(left(tmp_path / "f", dead, "old"), "old")
    folder(left(tmp_path / "f", dead), "new")
    remove_leftovers(tmp_path, "f")
    assert (tmp_path / "f/file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
