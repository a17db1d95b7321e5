"""What killed writers leave behind: what goes, what stays, and whose it is; removals that the system refuses."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from durable_disk import filled, left

from headstart.core.files import (
    as_published,
    is_leftover,
    left_behind,
    remove_folder,
    remove_leftovers,
    remove_leftovers_of,
    replace_folder,
)
from headstart.core.holder import Holder


@pytest.fixture
def dead() -> Holder:
    """A process of this host that began at another time than the one that has its number."""
    return replace(Holder.of(os.getppid()), began="1")


def test_an_exchange_that_came_to_its_end_keeps_the_new_folder(tmp_path, dead):
    filled(tmp_path / "f", "new")
    filled(left(tmp_path / "f", dead.mark, "old"), "old")
    filled(left(tmp_path / "g", dead.mark), "half")
    remove_leftovers(tmp_path)
    assert (tmp_path / "f/file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("asked", ["b", "c", ""])
def test_leftovers_of_one_name_are_found_wherever_they_stand(asked, tmp_path, dead):
    for name in "abcdef":
        left(tmp_path / name, dead.mark).write_text("half")
        (tmp_path / name).write_text("whole")
    remove_leftovers(tmp_path, asked)
    still = {as_published(Path(path.name)).name for path in tmp_path.iterdir() if is_leftover(path.name)}
    assert still == (set("abcdef") - {asked} if asked else set())
    assert sum(not is_leftover(path.name) for path in tmp_path.iterdir()) == 6


def test_of_a_lost_writer_all_goes_but_what_may_be_the_only_content(tmp_path, dead):
    alive = Holder.of(os.getppid())
    (tmp_path / "below").mkdir()
    gone = [left(tmp_path / "a", dead.mark), left(tmp_path / "below/b", dead.mark)]
    stay = [left(tmp_path / "c", dead.mark, "old"), left(tmp_path / "below/d", alive.mark), tmp_path / "e"]
    for path in [*gone, *stay]:
        path.write_text("x")
    assert left_behind(tmp_path) == sorted(path.relative_to(tmp_path).as_posix() for path in [*gone, stay[0]])
    remove_leftovers_of(tmp_path, dead)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(stay)
    assert left_behind(tmp_path) == [stay[0].name]


def test_a_link_goes_and_what_it_names_stays(tmp_path, dead):
    filled(tmp_path / "data")
    left(tmp_path / "link", dead.mark).symlink_to(tmp_path / "data")
    remove_leftovers(tmp_path)
    assert (tmp_path / "data/file").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(("hours", "goes"), [(23, False), (25, True)])
def test_a_writer_elsewhere_counts_as_ended_after_a_day_of_silence(hours, goes, tmp_path):
    path = filled(left(tmp_path / "f", replace(Holder.here(), host="elsewhere").mark))
    for one in (path / "file", path):
        os.utime(one, (time.time() - hours * 3600,) * 2)
    assert (left_behind(tmp_path) == [path.name]) is goes


def test_what_changes_while_it_is_looked_at_is_no_leftover(tmp_path, monkeypatch):
    path = filled(left(tmp_path / "f", replace(Holder.here(), host="elsewhere").mark))
    for one in (path / "file", path):
        os.utime(one, (1, 1))
    real = Path.lstat

    def lstat(one: Path) -> os.stat_result:
        if one.name == "file":
            raise FileNotFoundError(errno.ENOENT, "its writer has just removed it", str(one))
        return real(one)

    monkeypatch.setattr(Path, "lstat", lstat)
    remove_leftovers(tmp_path)
    assert path.is_dir()


REMOVALS = {
    "leftovers": lambda home, dead: remove_leftovers(home),
    "replaced": lambda home, dead: replace_folder(home / "new", home / "old"),
    "removed": lambda home, dead: remove_folder(home / "old"),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_what_cannot_be_removed_stays_and_stops_nobody(removal, tmp_path, dead, monkeypatch):
    for folder in (tmp_path / "new", tmp_path / "old", left(tmp_path / "half", dead.mark)):
        filled(folder, folder.name)

    def refuse(*given, **more):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", refuse)
    REMOVALS[removal](tmp_path, dead)
    assert not (tmp_path / "old").exists() if removal == "removed" else (tmp_path / "old").is_dir()
    assert removal != "replaced" or (tmp_path / "old/file").read_text() == "new"
