"""work: help a comparison that runs with --workers, from another shell or from a machine that shares its folder."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.crew import program
from headstart.commands.reading import say
from headstart.commands.session import need_positive, whole
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.comparing.work_queue import WorkQueue

_LOOK = 1.0  # seconds between two looks whether the comparison goes on
_WAIT = 0.02  # seconds between two looks at an empty queue


@dataclass(frozen=True)
class Worked:
    """made: how many tickets were made here. report: the comparison that was helped. interrupted: by Ctrl-C."""

    made: int
    report: Path
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0, or 130 after Ctrl-C."""
        return 130 if self.interrupted else 0

    def summary(self) -> str:
        """Return how much was done."""
        if self.interrupted:
            return f"interrupted; {self.made} tickets were made here, and what was being made goes to another worker"
        return f"nothing is left to do: {self.made} tickets (cells, trials, preparations) were made here"


def work(
    report: Annotated[Path, Parameter(help="the report directory of a comparison that runs with --workers")],
    /,
    *,
    workers: Annotated[int, Parameter(help="processes of this machine", converter=whole)] = 1,
    threads: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    parent: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
) -> Worked:
    """Help a comparison: make cells of its queue until nothing is left.

    The folder is read for what to do; files and bases must lie here where they lie there, and be the same, which is
    checked. Every worker has as many threads as those of the comparison (--threads N: others; the last bits of what is
    computed depend on them). Only files of cells are written.

    Raises HeadstartError: no comparison is under way there, other files, bases or versions.
    """
    from headstart.comparing.job import Job
    from headstart.comparing.maker import work_off
    from headstart.comparing.tickets import describe
    from headstart.comparing.work_queue import WorkQueue
    from headstart.core.device import computing_in

    report = Path(report)
    need_positive("--workers", workers)
    queue = WorkQueue(report)
    job = Job.read(queue)
    if workers > 1:
        return _several(report, workers, threads)
    done = [0]

    def tell(ticket: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        done[0] += 1
        if parent is None:
            say(f"made: {describe(dict(ticket))}")

    try:
        with computing_in(job.dtypes):
            maker = job.maker(report, threads)
            if parent is None:
                say(f"at work on {report}")
            work_off(queue, maker.make, goes_on=_goes_on(queue, parent), tell=tell, wait=_WAIT)
    except KeyboardInterrupt:
        return Worked(done[0], report, interrupted=True)
    return Worked(done[0], report)


def _goes_on(queue: WorkQueue, parent: int | None) -> Callable[[], bool]:
    """Return what tells whether there may be more to do: the command that compares is alive, or tickets are left.

    parent: the process that started this one and must be alive.
    """
    from headstart.core.claims import Watch

    watch, seen = Watch(), [0.0, True]

    def goes_on() -> bool:
        if parent is not None and os.getppid() != parent:
            return False
        if time.monotonic() - seen[0] > _LOOK:
            alive = queue.coordinator.exists() and not watch.is_left(queue.coordinator)
            seen[:] = time.monotonic(), alive or (parent is None and bool(queue.waiting()))
        return bool(seen[1])

    return goes_on


def _several(report: Path, workers: int, threads: int | None) -> Worked:
    """Start so many processes that help, and wait for them. Raises HeadstartError: one of them could not."""
    more = [] if threads is None else ["--threads", str(threads)]
    started = [subprocess.Popen([*program(), "work", str(report), *more]) for _ in range(workers)]
    try:
        codes = [one.wait() for one in started]
    except KeyboardInterrupt:
        for one in started:
            one.wait()
        return Worked(0, report, interrupted=True)
    if any(codes):
        raise HeadstartError(f"{report}: {sum(map(bool, codes))} of {workers} workers ended early; see above")
    return Worked(0, report)
