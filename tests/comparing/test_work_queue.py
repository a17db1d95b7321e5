"""The queue on disk: no ticket for two, none lost, whoever hammers on it; the twin with the fault finds that out."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from forked import Forked

from headstart.comparing import work_queue
from headstart.comparing.report_folder import ReportFolder
from headstart.comparing.work_queue import WorkQueue

TICKETS, PROCESSES, THREADS = 60, 4, 4


@pytest.fixture
def queue(tmp_path):
    made = WorkQueue(tmp_path)
    made.make()
    return made


def hammered(queue: WorkQueue, folder) -> Counter:
    """Let processes with several threads each take tickets without a pause; return how often each was made."""

    def claimant(number: int) -> None:
        with open(folder / f"{os.getpid()}-{number}.txt", "w") as out:
            while queue.waiting():
                taken = queue.take()
                if taken is not None:
                    out.write(f"{taken.name}\n")
                    queue.finish(taken.name, {"made": taken.ticket["n"]})
                    taken.claim.unlink(missing_ok=True)

    def process() -> None:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(claimant, range(THREADS)))

    folder.mkdir()
    for number in range(TICKETS):
        queue.put(f"{number:03d}", {"n": number})
    children = [Forked(process) for _ in range(PROCESSES)]
    assert [child.wait(60) for child in children] == [0] * PROCESSES
    return Counter(line for path in folder.iterdir() for line in path.read_text().splitlines())


def test_every_ticket_is_made_once_however_many_claim(queue, tmp_path):
    made = hammered(queue, tmp_path / "made")
    assert set(made.values()) == {1}
    assert len(made) == TICKETS == len(queue.done())
    assert queue.claims() == {}
    assert queue.result("007") == {"made": 7}


def test_a_claim_that_is_not_exclusive_is_found(queue, tmp_path, monkeypatch):
    def claim(path) -> bool:
        if path.exists():
            return False
        time.sleep(0.002)
        path.write_text("{}")
        return True

    monkeypatch.setattr(work_queue, "claim", claim)
    assert max(hammered(queue, tmp_path / "made").values()) > 1


def test_the_oldest_ticket_goes_first_and_a_claimed_one_to_nobody_else(queue):
    for number, name in enumerate("cab"):
        queue.put(name, {"n": number})
        os.utime(queue.folder / "todo" / f"{name}.json", (number, number))
    assert queue.waiting() == ["c", "a", "b"]
    first, second = queue.take(), queue.take()
    assert (first.name, second.name) == ("c", "a")
    queue.withdraw("b")
    assert queue.take() is None
    assert queue.take_back("c") is not None
    assert queue.take().name == "c"


def test_what_was_done_or_withdrawn_meanwhile_is_not_made(queue):
    queue.put("a", {})
    queue.finish("a", {})
    queue.put("a", {})  # as when its worker was killed between the result and the ticket
    assert queue.take() is None
    assert queue.claims() == {}


def test_a_damaged_result_is_none_and_a_removed_queue_no_fault(queue):
    (queue.folder / "done" / "a.json").write_text("{")
    assert queue.result("a") is None
    assert queue.done() == []
    queue.put("b", {})
    taken = queue.take()
    queue.remove()
    queue.finish(taken.name, {})
    assert queue.take() is None
    assert not queue.folder.exists()


def test_the_queue_is_no_part_of_the_report(queue, tmp_path):
    ReportFolder(tmp_path).begin()
    queue.put("a", {})
    ReportFolder(tmp_path).end({"report.json": b"{}"})
    listed = json.loads((tmp_path / "manifest.json").read_text())["files"]
    assert set(listed) == {"report.json"}
    ReportFolder(tmp_path).need_intact()
