"""One writer per folder: refused while another lives, taken over when it is lost; readers are never hindered."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from forked import Forked

from headstart.core import claims
from headstart.core import holder as holders
from headstart.core import sole_writer as module
from headstart.core.errors import HeadstartError
from headstart.core.files import WRITER, AppendedFile, temporary_beside
from headstart.core.holder import Holder
from headstart.core.json_files import write_json
from headstart.core.manifest import MANIFEST, faults, seal, write_folder
from headstart.core.sole_writer import PlaceLost, need_no_writer, sole_writer


def quiet(line: str) -> None:
    """Say nothing."""


@contextmanager
def another_writer(folder: Path) -> Iterator[Forked]:
    """Let another process write into the folder while the block runs, or until it is killed."""

    def hold() -> None:
        with sole_writer(folder, quiet):
            temporary_beside(folder / "model").write_text("half")
            (folder / "begun").touch()
            time.sleep(60)

    child = Forked(hold)
    end = time.monotonic() + 20
    while not (folder / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.005)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def elsewhere(folder: Path) -> Path:
    """Write the claim of a process of another machine."""
    folder.mkdir(exist_ok=True)
    holder = replace(Holder.here(), host="elsewhere", name="elsewhere", since="2026-11-28 20:00:00 +0000")
    (folder / WRITER).write_text(json.dumps(asdict(holder)))
    return folder / WRITER


def writes(folder: Path) -> bool:
    """Whether this process gets to write into the folder, at once."""
    begun = time.monotonic()
    try:
        with sole_writer(folder, quiet):
            return True
    except HeadstartError:
        assert time.monotonic() - begun < 2
        return False


def test_a_second_writer_is_refused_at_once_in_one_line(tmp_path):
    with another_writer(tmp_path / "run") as child:
        for refused in (lambda: writes_or_raises(tmp_path / "run"), lambda: need_no_writer(tmp_path / "run")):
            with pytest.raises(HeadstartError) as raised:
                refused()
            said = str(raised.value)
            assert "\n" not in said
            assert f"process {child.pid} on {os.uname().nodename} writes there, since 20" in said
            assert f"(kill {child.pid}), or give another --out" in said
    assert writes(tmp_path / "run")


def writes_or_raises(folder: Path) -> None:
    with sole_writer(folder, quiet):
        pass


def test_the_gate_fails_where_nothing_is_claimed(tmp_path, monkeypatch):
    """The fault planted: a claim that everybody gets."""
    with another_writer(tmp_path / "run"):
        assert not writes(tmp_path / "run")
        monkeypatch.setattr(module, "take", lambda *given: None)
        assert writes(tmp_path / "run")


def test_a_lost_writer_is_followed_and_its_half_files_go(tmp_path):
    folder = tmp_path / "run"
    with another_writer(folder) as child:
        child.send(signal.SIGKILL)
        child.wait()
        said: list[str] = []
        (folder / "checkpoints").mkdir()
        beside = folder / f"checkpoints/.step.{Holder.of(os.getppid()).mark}-0a1b2c.tmp"
        beside.write_text("of a process that lives")
        with sole_writer(folder, said.append):
            (line,) = said
            assert line.startswith(f"{folder}: process {child.pid} on ")
            assert line.endswith("wrote there until it was lost; this command takes its place")
            assert sorted(path.name for path in folder.rglob("*")) == sorted(
                [WRITER, "begun", "checkpoints", beside.name]
            )
    assert not (folder / WRITER).exists()


def test_of_another_machine_a_sign_of_life_refuses_and_silence_gives_way(tmp_path):
    path, said = elsewhere(tmp_path / "run"), []
    beats = threading.Event()

    def beat() -> None:
        while not beats.wait(0.05):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with (
            pytest.raises(HeadstartError, match="on elsewhere writes there, since 2026-11-28 20:00:00"),
            sole_writer(path.parent, said.append, stale=2.0),
        ):
            pass
    finally:
        beats.set()
        thread.join()
    assert said == [f"{path.parent}: process {os.getpid()} on elsewhere wrote there; it has 2 s to give a sign of life"]
    left = path.with_name(f".model.{replace(Holder.here(), host='elsewhere').mark}-0a1b2c.tmp")
    left.write_text("half")
    with sole_writer(path.parent, said.append, stale=0.1):
        assert not left.exists()
    assert "takes its place" in said[-1]


def test_this_process_is_another_writer_too(tmp_path):
    """Two threads of a notebook are two writers."""
    with sole_writer(tmp_path / "run", quiet):
        assert not writes(tmp_path / "run")
        need_no_writer(tmp_path / "run")  # a command asks this again while it writes itself
    assert writes(tmp_path / "run")


def test_what_was_made_for_nothing_goes_again(tmp_path):
    with pytest.raises(FileNotFoundError), sole_writer(tmp_path / "a/b", quiet):
        os.rmdir(tmp_path / "a/b/c")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with sole_writer(tmp_path / "mine", quiet):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]
    with sole_writer(tmp_path / "full", quiet):
        (tmp_path / "full/file").touch()
    assert (tmp_path / "full/file").exists()


def test_an_artefact_that_is_being_written_is_intact_for_readers(tmp_path):
    write_json(tmp_path / "run/run.json", {})
    with sole_writer(tmp_path / "run", quiet):
        seal(tmp_path / "run", "run")
        assert faults(tmp_path / "run", "run") == []
        (tmp_path / "run/stranger").touch()
        assert [fault.name for fault in faults(tmp_path / "run", "run")] == ["stranger"]


def test_a_folder_that_takes_the_place_of_the_claimed_one_ends_the_claim(tmp_path):
    """As an artefact that is written whole does."""
    with sole_writer(tmp_path / "task", quiet):
        write_folder(tmp_path / "task", "task", lambda folder: write_json(folder / "task.json", {}))
        write_json(tmp_path / "task/beside.json", {})
    assert sorted(path.name for path in (tmp_path / "task").iterdir()) == ["beside.json", MANIFEST, "task.json"]


def stood_still(run: Path) -> list[str]:
    """Write in every way into a folder whose place another machine took meanwhile; what was said, a line for each."""
    said = []
    with sole_writer(run, quiet):
        lines = AppendedFile(run / "lines")
        lines.append(b"mine")
        write_json(run / "a.json", 1)
        elsewhere(run)  # as another machine does after a minute
        for write in (
            lambda: write_json(run / "a.json", 2),
            lambda: lines.append(b"more"),
            lambda: write_folder(run / "b", "store", lambda folder: None),
            lambda: seal(run, "run"),
        ):
            with suppress(PlaceLost):
                write()
                said.append("written")
        write_json(run.with_name("elsewhere.json"), 3)  # another folder is no place of it
        lines.close()
    return said


def test_who_stood_still_changes_nothing(tmp_path):
    assert stood_still(tmp_path / "run") == []
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [WRITER, "a.json", "lines"]
    assert (tmp_path / "run/a.json").read_text() == "1\n"
    assert (tmp_path / "run/lines").read_text() == "mine"


def test_the_gate_fails_where_nobody_looks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_place_of", lambda folder, mine: lambda path: None)
    assert stood_still(tmp_path / "run") == ["written"] * 4


def test_its_heartbeat_is_no_sign_of_life_of_the_other_one(tmp_path):
    """Nor is a claim that is gone one that it has: the other one may have come to its end."""
    with sole_writer(tmp_path / "run", quiet):
        claimed = elsewhere(tmp_path / "run")
        os.utime(claimed, (1, 1))
        with claims.Heartbeat(0.01).running() as heart, heart.keeping(claimed):
            time.sleep(0.1)
        assert claimed.stat().st_mtime == 1
        claimed.unlink()
        with pytest.raises(PlaceLost, match="another command took its place"):
            write_json(tmp_path / "run/a.json", 1)


@pytest.mark.parametrize(
    ("host", "machine", "gone"),
    [
        ("another-start pid:[1]", "this one", True),
        ("another-start pid:[1]", "another one", False),
        ("another-start pid:[1]", "", False),
        ("no-linux 52:54:00", "this one", False),
        ("START pid:[1]", "this one", False),
    ],
)
def test_a_machine_that_started_anew_knows_its_own_writers(tmp_path, monkeypatch, host, machine, gone):
    """No process outlives the start of its machine: nobody waits for a sign of life."""
    monkeypatch.setattr(holders, "_machine", lambda: "this one")
    claimed = elsewhere(tmp_path / "run")
    now = holders._start(Holder.here().host)
    known = json.loads(claimed.read_text()) | {"host": host.replace("START", now), "machine": machine}
    claimed.write_text(json.dumps(known))
    said: list[str] = []
    with sole_writer(tmp_path / "run", said.append, stale=0.3):
        pass
    assert ["sign of life" in line for line in said] == ([False] if gone else [True, False])


def test_a_claim_of_an_earlier_version_is_one(tmp_path):
    claimed = elsewhere(tmp_path / "run")
    known = json.loads(claimed.read_text())
    claimed.write_text(json.dumps({name: value for name, value in known.items() if name != "machine"}))
    assert claims.holder_of(claimed).name == "elsewhere"


def test_a_folder_that_refuses_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HeadstartError, match="file is a file, not a folder"):
        writes_or_raises(tmp_path / "file/a")
