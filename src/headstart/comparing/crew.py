"""The coordinator's side of the queue: workers of this machine, helpers elsewhere, tickets out, results in.

What a dead worker had claimed is made once more by another one, then given up. Decisions are not made here.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from headstart.comparing.tickets import describe
from headstart.comparing.work_queue import WorkQueue
from headstart.core.claims import STALE, Heartbeat, Watch, holder_of, take
from headstart.core.errors import HeadstartError
from headstart.core.holder import Holder
from headstart.core.reason import Reason

_AHEAD = 2  # tickets that are out for each worker, so that none waits for the next one
_POLL, _LOOK = 0.02, 0.5  # seconds between two looks for results, and at the workers
_TRIES = 2  # of a ticket whose worker is killed
_BAD_STARTS = 3  # workers in a row that end before they make anything
_PATIENCE = 5.0  # seconds in which a worker ends that is asked to
_RELEASE = 1.0  # seconds in which whoever finished a ticket elsewhere gives its claim up


class Hired(Protocol):
    """A worker process of this machine, as `subprocess.Popen` has it."""

    pid: int

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises an exception after the timeout."""


@dataclass(eq=False)
class Crew:
    """hire: starts worker number 0, 1, ...; count: how many of them. say: is told of workers that die.

    stale: seconds after which a silent claim counts as left behind.
    """

    queue: WorkQueue
    hire: Callable[[int], Hired]
    count: int
    say: Callable[[str], None]
    stale: float = STALE
    _workers: dict[int, Hired] = field(default_factory=dict)
    _open: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _tries: dict[str, int] = field(default_factory=dict)
    _helpers: int = 0
    _bad_starts: int = 0
    _looked: float = 0.0
    _holds: bool = False
    _signed_in: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._watch, self._on = Watch(self.stale), contextlib.ExitStack()

    # Beginning and end

    def begin(self, describe_job: Callable[[], None] = lambda: None) -> None:
        """Take the folder for this command and start the workers; describe_job: writes what they need to know.

        Raises HeadstartError: another command compares there.
        """
        self.queue.make()
        self._take_folder()
        describe_job()
        for name in self.queue.waiting():
            self.queue.withdraw(name)  # with the seconds of an earlier run
        for name in self.queue.done():
            if name.startswith("prepare-"):
                self.queue.forget(name)
        for number in range(self.count):
            self._workers[number] = self.hire(number)

    def _take_folder(self) -> None:
        """Claim the folder; a claim that was left behind is taken back. Raises HeadstartError: its holder is alive."""
        path = self.queue.coordinator

        def wait_for(holder: Holder | None) -> None:
            self.say(f"{holder} compared there; it has {self.stale:.0f} s to give a sign of life")

        take(path, self._watch, self.queue.taken_by, wait_for)
        self._holds = True
        heart = self._on.enter_context(Heartbeat().running())
        self._on.enter_context(heart.keeping(path))

    def stop(self) -> None:
        """End the workers of this machine now; what they were making is lost, what they finished is not."""
        for name in list(self._open):
            self.queue.withdraw(name)
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            try:
                worker.wait(_PATIENCE)
            except Exception:  # whatever says that the time is over
                worker.kill()
                worker.wait()
        self._workers.clear()

    def end(self) -> None:
        """End the workers and give the folder free; the queue goes, unless somebody elsewhere still makes a ticket."""
        self.stop()
        if not self._holds:  # another command compares there
            return
        self._on.close()
        end = time.monotonic() + _RELEASE
        while (busy := self._busy()) and time.monotonic() < end:
            time.sleep(_POLL)
        kept = [name for name in self.queue.done() if not name.startswith("prepare-")]
        if not busy and not kept:
            self.queue.remove()

    def _busy(self) -> bool:
        """Whether somebody elsewhere still makes a ticket."""
        return any(not self._watch.is_left(path) for path in self.queue.claims().values())

    # Tickets

    @property
    def hands(self) -> int:
        """How many tickets are made at once: workers of this machine, and helpers that gave a sign of life."""
        return max(1, len(self._workers) + self._helpers)

    @property
    def has_room(self) -> bool:
        """Whether another ticket is wanted."""
        return len(self._open) < _AHEAD * self.hands

    def submit(self, name: str, ticket: Mapping[str, Any]) -> None:
        """Add a ticket, unless it is finished, or being made, since an earlier run of the same command."""
        self._open[name] = ticket
        if name in self.queue.done():
            return
        path = self.queue.claims().get(name)
        if path is None or self._watch.is_left(path):
            if path is not None:
                self.queue.take_back(name)
            self.queue.put(name, ticket)

    def collect(self, wait: float) -> dict[str, dict[str, Any]]:
        """Return the results that came since the last call, by name; wait at most so many seconds for the first.

        A result is what the worker made, `failed` with a reason, `refused` by the disk, or `cut`; it stays there until
        `forget`. Raises HeadstartError: no worker begins.
        """
        end = time.monotonic() + wait
        while True:
            found = {}
            for name in [name for name in self.queue.done() if name in self._open]:
                if (result := self.queue.result(name)) is not None:
                    found[name] = result
                else:  # it was damaged
                    self.queue.put(name, self._open[name])
            if time.monotonic() - self._looked > _LOOK:
                found |= self._look_after()
            if found or time.monotonic() >= end:
                for name in found:
                    self._end(name)
                return found
            time.sleep(_POLL)

    def forget(self, name: str) -> None:
        """Remove a result that was taken up, or give a ticket up."""
        self._end(name)
        self.queue.forget(name)

    def _end(self, name: str) -> None:
        self._open.pop(name, None)
        self._tries.pop(name, None)
        self.queue.withdraw(name)

    def together(self, tickets: Iterable[tuple[str, Mapping[str, Any]]], end: float) -> dict[str, dict[str, Any]]:
        """Return the results of all tickets by name; what is not made at `end` (monotonic seconds) is given up."""
        coming, out, found = list(tickets), set(), {}
        while coming or out:
            while coming and self.has_room and time.monotonic() < end:
                name, ticket = coming.pop(0)
                self.submit(name, ticket)
                out.add(name)
            left = end - time.monotonic()
            if not out or left <= 0:
                break
            came = self.collect(min(left, 1.0))
            out -= came.keys()
            found |= came
        for name in out:
            self.forget(name)
        return found

    # Workers that die

    def _look_after(self) -> dict[str, dict[str, Any]]:
        """Replace workers that died, take back what was left behind; return the tickets that are given up."""
        self._looked = time.monotonic()
        ended = {number: code for number, one in self._workers.items() if (code := one.poll()) is not None}
        own = {one.pid: one for one in self._workers.values()}
        claims = {name: (path, holder_of(path)) for name, path in self.queue.claims().items() if name in self._open}
        working = {path: holder_of(path) for path in self.queue.workers.glob("*")}
        self._signed_in |= {one.process for one in working.values() if one is not None and one.is_here}
        given_up = {}
        for name, (path, holder) in claims.items():
            if self._watch.is_left(path) and name not in self.queue.done():
                mine = own.get(holder.process) if holder and holder.is_here else None
                given_up |= self._left_behind(name, mine and mine.poll())
        for number, code in ended.items():
            self._replace(number, code)
        alive = [one for path, one in working.items() if one is not None and not self._watch.is_left(path)]
        self._helpers = sum(not (one.is_here and one.process in own) for one in alive)
        return given_up

    def _left_behind(self, name: str, code: int | None) -> dict[str, dict[str, Any]]:
        """Let another worker make a ticket, or give it up after as many tries as are allowed."""
        holder = self.queue.take_back(name)
        self._tries[name] = self._tries.get(name, 0) + 1
        how, what = _how(code), describe(dict(self._open[name]))
        if self._tries[name] < _TRIES:
            self.say(f"{what}: its worker, {holder}, was lost ({how}); another one makes it once more")
            self.queue.put(name, self._open[name])
            return {}
        reason = Reason(
            "worker_lost",
            "the process that made it was lost ({how}), {times} times; often the memory was not enough",
            how=how,
            times=_TRIES,
        )
        return {name: {"failed": reason.kept()}}

    def _replace(self, number: int, code: int) -> None:
        """Start another worker in the place of one that ended."""
        began = self._workers[number].pid in self._signed_in
        self._bad_starts = 0 if began else self._bad_starts + 1
        if self._bad_starts >= _BAD_STARTS or (code == 2 and not began):
            raise HeadstartError(f"a worker ended before it made anything: {_last_line(self.queue.logs, number)}")
        self._workers[number] = self.hire(number)


def _how(code: int | None) -> str:
    """Return how a process ended, for people; None: nobody saw its end."""
    if code is None:
        return "no sign of life"
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _last_line(logs: Path, number: int) -> str:
    """Return the last line that a worker printed."""
    try:
        lines = (logs / f"{number}.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].removeprefix("headstart: ") if lines else "it printed nothing"
