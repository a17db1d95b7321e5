"""Scratch folders: there while they are needed, gone at the end, and what killed processes left goes with the next."""

from __future__ import annotations

import os
import signal
import tempfile
from dataclasses import replace

import pytest
from forked import Forked

from headstart.core import scratch
from headstart.core.holder import Holder
from headstart.core.scratch import lasting_scratch_folder, scratch_folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._swept.cache_clear()


def test_it_is_there_while_the_block_runs(tmp_path):
    with scratch_folder("test") as one, scratch_folder("test") as two:
        assert one != two
        assert one.is_dir()
        assert one.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def killed(make) -> None:
    """Kill a process in a block that holds a scratch folder."""

    def hold() -> None:
        make()
        os.kill(os.getpid(), signal.SIGKILL)

    child = Forked(hold)
    assert child.wait() == -signal.SIGKILL


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(tmp_path):
    other = tmp_path / f"headstart-spool-{replace(Holder.here(), host='elsewhere').mark}-{'0' * 12}"
    alive = tmp_path / f"headstart-spool-{Holder.of(os.getppid()).mark}-{'0' * 12}"
    foreign = tmp_path / "headstart-spool-x8k2js"
    for path in (other, alive, foreign):
        path.mkdir()
    killed(lambda: lasting_scratch_folder("spool").joinpath("file").write_text("a copy of standard input"))
    assert len(list(tmp_path.iterdir())) == 4
    with scratch_folder("test") as own:
        assert sorted(tmp_path.iterdir()) == sorted([other, alive, foreign, own])


def test_a_child_does_not_remove_what_its_parent_needs(tmp_path):
    folder = lasting_scratch_folder("memory")
    child = Forked(lambda: scratch._remove_own(folder, os.getppid()))
    assert child.wait() == 0
    assert folder.is_dir()
    scratch._remove_own(folder, os.getpid())
    assert not folder.exists()
