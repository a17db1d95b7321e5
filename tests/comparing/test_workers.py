"""Several workers: the study of one worker, whoever makes which cell, and whoever is killed on the way."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, replace

import pytest
from forked import Forked
from synthetic_study import ACCURACY, ClassicalRoute, LetterModel, LetterRoute, letters

from headstart.comparing import cells, maker
from headstart.comparing.cells import CellStore
from headstart.comparing.crew import Crew
from headstart.comparing.maker import Maker, work_off
from headstart.comparing.run_study import run_study
from headstart.comparing.screen_and_confirm import run_screened
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.work_queue import WorkQueue
from headstart.core.disk_errors import disk_error
from headstart.core.errors import HeadstartError
from headstart.core.holder import Holder
from headstart.fitting.workspace import Workspace
from headstart.statistics.study import Entry, Question

DATA = StudyData(letters(60), letters(60, 1))
GOOD, OTHER = Entry(LetterRoute()), Entry(LetterRoute(called="other", letter="c"))
CLASSICAL = Entry(ClassicalRoute(called="classical", letter="c"))


@dataclass(frozen=True, kw_only=True)
class DeadlyRoute(LetterRoute):
    """Writes into `folder` what it makes; on the draws in `at` it does `harm`, `times` times in all."""

    called: str = "deadly"
    folder: str = ""
    at: tuple[int, ...] = ()
    harm: str = "kill"
    times: int = 99
    pause: float = 30.0

    def run(self, examples, workspace, *, seed, seconds=None):
        with open(f"{self.folder}/made.txt", "a") as out:
            out.write(f"{seed} {len(examples)}\n")
        harmed = f"{self.folder}/harmed.txt"
        if seed in self.at and (not os.path.exists(harmed) or os.path.getsize(harmed) < self.times):
            with open(harmed, "a") as out:
                out.write("x")
            if self.harm == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.harm == "wait":
                time.sleep(self.pause)
                return super().run(examples, workspace, seed=seed, seconds=seconds)
            raise HeadstartError("not on this draw")
        return super().run(examples, workspace, seed=seed, seconds=seconds)


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Compare in a folder, with so many workers (None: alone); return study and lines."""

    def call(folder, entries, workers=None, *, lines=None, study=run_study, say=None, **changes):
        lines = [] if lines is None else lines
        by_name = {one.name: one for one in entries}
        monkeypatch.setattr(maker, "entry_of", lambda told: by_name[told["name"]])
        asked = {"sizes": (4, 8), "draws": 4, "seconds": 60.0, "metric": ACCURACY, "folder": tmp_path / folder}
        settings = StudySettings(**asked | changes)
        spaces = {one.base: Workspace() for one in entries} | {None: Workspace()}
        say = say or lines.append
        if workers is None:
            return study(entries, DATA, spaces, settings, progress=say), lines
        queue, me = WorkQueue(settings.folder), os.getpid()

        def worker() -> None:
            made = Maker(DATA, spaces, settings).make
            work_off(queue, made, goes_on=lambda: os.getppid() == me, wait=0.002, beat=0.1)

        crew = Crew(queue, lambda number: Forked(worker), workers, lines.append, stale=1.0)
        try:
            crew.begin()
            return study(entries, DATA, spaces, settings, progress=say, crew=crew), lines
        finally:
            crew.end()

    return call


def same(one, two) -> None:
    """Check that two studies hold the same cells with the same answers, the same failures and looks."""

    def cells(study) -> dict:
        return {(cell.entry, cell.size, cell.draw): cell for cell in study.cells}

    first, second = cells(one), cells(two)
    assert first.keys() == second.keys()
    for place, cell in first.items():
        assert cell.score == second[place].score
        assert (cell.answers == second[place].answers).all()
        assert (cell.likelihood_N == second[place].likelihood_N).all()
        assert cell.receipt["cell"] == second[place].receipt["cell"]
    assert one.failures == two.failures
    assert [asdict(look) for look in one.looks] == [asdict(look) for look in two.looks]
    assert one.stopped == two.stopped


def test_two_workers_make_the_study_of_one(make, tmp_path):
    picky, bad = LetterRoute(called="picky", fault="refuses"), LetterRoute(called="bad", fault="bug")
    entries = [GOOD, OTHER, CLASSICAL, Entry(picky), Entry(bad)]
    asked = dict.fromkeys((4, 8), Question(GOOD.name, (CLASSICAL.name,)))
    alone, _ = make("alone", entries, draws=12, questions=asked)
    shared, _ = make("shared", entries, 2, draws=12, questions=asked)
    same(alone, shared)
    assert [look.draws for look in shared.looks] == [8]
    assert shared.failures["bad"][4] == "IndexError: list index out of range"
    assert not (tmp_path / "shared" / "queue").exists()
    again, told = make("shared", entries, draws=12, questions=asked)  # alone goes on where several stopped
    same(replace(shared, looks=()), replace(again, looks=()))
    assert told[0].startswith(f"{len(shared.cells)} of")


def test_where_a_draw_fails_later_ones_do_not_count_though_they_are_made(make, tmp_path):
    entries = [Entry(DeadlyRoute(folder=str(tmp_path), at=(1,), harm="raise")), GOOD]
    alone, _ = make("alone", entries)
    shared, _ = make("shared", entries, 2)
    same(alone, shared)
    assert {cell.draw for cell in shared.cells_of("deadly", 4).values()} == {0}
    assert shared.failures["deadly"][4] == "not on this draw"
    store = CellStore(tmp_path / "shared" / "cells")
    assert len(list(store.folder.glob("*.safetensors"))) == len(store.lines)


def test_screening_by_two_workers_chooses_the_same(make):
    entries = [Entry(LetterRoute(called=f"p{n}", letter="b" if n == 0 else "cd"[n % 2]), "x") for n in range(4)]
    entries += [Entry(ClassicalRoute(called=f"c{n}", letter="ac"[n])) for n in range(2)]
    how = {"study": run_screened, "screened": True, "draws": 6}
    alone, _ = make("alone", entries, **how)
    shared, _ = make("shared", entries, 2, **how)
    same(alone, shared)

    def told(study) -> list:
        rows = study.facts["screening"]["entries"]
        return [
            (row["entry"], row["scores"], {size: why["code"] for size, why in row["left_out"].items()}) for row in rows
        ]

    assert told(alone) == told(shared)
    assert alone.facts["screening"]["finalists"] == shared.facts["screening"]["finalists"]
    assert alone.questions == shared.questions


def test_the_cell_of_a_killed_worker_is_made_again(make, tmp_path):
    entries = [Entry(DeadlyRoute(folder=str(tmp_path), at=(2,), times=1)), GOOD]
    study, lines = make("shared", entries, 2)
    assert len(study.cells) == 16
    assert study.failures == {}
    (told,) = [line for line in lines if "was lost" in line]
    assert told.startswith("deadly, 4 labels, draw 3: its worker, process ")
    assert told.endswith("was lost (SIGKILL); another one makes it once more")


def test_a_cell_that_kills_every_worker_is_recorded_as_failed(make, tmp_path):
    study, lines = make("shared", [Entry(DeadlyRoute(folder=str(tmp_path), at=(0,))), GOOD], 2)
    assert study.failures["deadly"][4].code == "worker_lost"
    assert "was lost (SIGKILL), 2 times" in study.failures["deadly"][4]
    assert len(study.cells) == 8
    assert study.stopped is None
    assert len([line for line in lines if line.startswith("deadly, 4 labels: could not run")]) == 1


def test_a_killed_coordinator_loses_no_finished_cell(make, tmp_path):
    entries = [Entry(DeadlyRoute(folder=str(tmp_path), at=(2,), harm="wait", times=1, pause=1.5)), GOOD]
    coordinator = Forked(lambda: make("shared", entries, 2, sizes=(4,), draws=30))
    made = tmp_path / "made.txt"
    end = time.monotonic() + 30
    while not (tmp_path / "harmed.txt").exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)  # the other worker goes on: results lie there that nobody has taken up
    coordinator.kill()
    coordinator.wait()
    time.sleep(0.2)
    finished = len(made.read_text().splitlines()) - 1
    study, lines = make("shared", entries, 2, sizes=(4,), draws=30, seconds=20.0)
    assert len(study.cells_of("deadly", 4)) == 30
    assert finished >= 2
    assert len(made.read_text().splitlines()) == 30  # also what the two workers ended after the kill is taken up
    assert "finished earlier and are kept" in lines[0] + lines[1]


def test_one_command_at_a_time(make, tmp_path):
    queue = WorkQueue(tmp_path / "shared")
    queue.make()
    queue.coordinator.write_text(json.dumps(asdict(Holder.here())))
    with pytest.raises(HeadstartError, match="compares there; to help it: headstart work"):
        make("shared", [GOOD], 1)


def test_a_full_disk_ends_the_comparison_in_one_line(make, tmp_path, monkeypatch):
    def full(path, data):
        raise disk_error(path, OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(cells, "write_bytes", full)
    with pytest.raises(HeadstartError, match="disk full while writing"):
        make("shared", [GOOD], 1)
    monkeypatch.undo()
    assert len(make("shared", [GOOD])[0].cells) == 8


def test_claims_of_a_machine_that_went_away_are_taken_back(make, tmp_path):
    alone, _ = make("alone", [GOOD], sizes=(4,), draws=2)
    gone = json.dumps(asdict(replace(Holder.here(), host="elsewhere", name="elsewhere")))
    queue = WorkQueue(tmp_path / "shared")
    queue.make()
    queue.coordinator.write_text(gone)
    (queue.folder / "claims" / alone.cells[0].receipt["cell"]).write_text(gone)
    study, lines = make("shared", [GOOD], 1, sizes=(4,), draws=2)
    same(alone, study)
    assert lines[0] == f"process {os.getpid()} on elsewhere compared there; it has 1 s to give a sign of life"
    assert any("its worker, process" in line and "(no sign of life)" in line for line in lines)


def test_ctrl_c_stops_the_workers_and_keeps_what_is_done(make, tmp_path):
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("[cell 3/"):
            raise KeyboardInterrupt

    study, _ = make("shared", [GOOD, OTHER], 2, lines=lines, say=say, draws=20)
    assert study.stopped == "interrupted"
    assert 3 <= len(study.cells) < 40
    assert "interrupted: finished cells are saved, the same command continues" in lines
    assert not (tmp_path / "shared" / "queue").exists()
    calls = LetterModel.calls
    again, told = make("shared", [GOOD, OTHER], draws=20)
    assert len(again.cells) == 80
    assert LetterModel.calls - calls == 80 - len(study.cells)
    assert told[0].startswith(f"{len(study.cells)} of 80")


def test_workers_that_cannot_begin_are_said(make, tmp_path, monkeypatch):
    def broken(*given):
        os._exit(2)

    monkeypatch.setattr("test_workers.Maker", broken)
    with pytest.raises(HeadstartError, match="a worker ended before it made anything: it printed nothing"):
        make("shared", [GOOD], 1)


def test_the_time_of_the_clock_ends_it_for_all(make, tmp_path):
    entries = [Entry(DeadlyRoute(folder=str(tmp_path), at=(0, 1, 2, 3), harm="wait"))]
    begun = time.monotonic()
    study, _ = make("shared", entries, 2, seconds=1.5)
    assert study.stopped == "time" or study.failures["deadly"][4].code == "over_share"
    assert time.monotonic() - begun < 8
    assert study.cells == ()
