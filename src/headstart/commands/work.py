"""work: help a comparison that runs with --workers, from another shell or from a machine that shares its folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

import headstart
from headstart.commands.reading import say
from headstart.commands.session import need_positive, whole
from headstart.core import plugins
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.comparing.crew import Crew
    from headstart.comparing.settings import StudyData, StudySettings
    from headstart.comparing.work_queue import WorkQueue
    from headstart.fitting.workspace import Workspace

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


def program() -> list[str]:
    """Return the beginning of a command that runs this program."""
    return [sys.executable, "-m", "headstart"]


@dataclass(frozen=True)
class LocalWorkers:
    """Starts workers of this machine for the command that compares, as `headstart work` in a process of its own.

    threads: of each. devices: each worker gets one of them in turn; none: what the program picks.
    """

    report: Path
    threads: int
    devices: Sequence[str] = ()

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """Start worker `number`; what it prints goes to a file of the queue. Ctrl-C is the business of its parent."""
        from headstart.comparing.work_queue import WorkQueue

        command = [*program(), "work", str(self.report), "--parent", str(os.getpid())]
        command += ["--device", self.devices[number % len(self.devices)]] if self.devices else []
        command += [part for path in plugins.named() for part in ("--plugin", str(path))]
        command += ["--no-cache"] if DiskCache.of_user() is None else []
        # The same code as here, also where it was found by a changed sys.path.
        places = [str(Path(headstart.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        own = {"OMP_NUM_THREADS": str(self.threads), "OMP_WAIT_POLICY": "PASSIVE"}
        environment = os.environ | own | {"PYTHONPATH": os.pathsep.join(places)}
        with open(WorkQueue(self.report).logs / f"{number}.txt", "wb") as log:
            how = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": environment}
            return subprocess.Popen(command, start_new_session=True, **how)


def threads_each(workers: int, threads: int | None) -> int | None:
    """Return the threads of each of so many workers: as given, by OMP_NUM_THREADS, else an equal part of the cores."""
    from headstart.core.device import cores

    given = os.environ.get("OMP_NUM_THREADS", "")
    return threads or (int(given) if given.isdigit() and int(given) > 0 else max(1, cores() // workers))


def crew_of(data: StudyData, spaces: Mapping[str | None, Workspace], settings: StudySettings) -> Crew:
    """Return the workers of a comparison, not started yet; its inputs are saved already.

    Raises HeadstartError: rows that cannot be read again.
    """
    import torch

    from headstart.comparing.crew import Crew
    from headstart.comparing.inputs import CompareInputs
    from headstart.comparing.job import Job
    from headstart.comparing.work_queue import WorkQueue
    from headstart.core.device import pick_device

    CompareInputs.load(settings.folder)
    queue = WorkQueue(settings.folder)
    queue.make()
    job = Job.of(data, spaces, settings)
    job.write(queue)
    kind = pick_device().type
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if kind == "cuda" else [kind]
    local = LocalWorkers(settings.folder, job.threads, devices)
    return Crew(queue, local.start, settings.workers or 1, say)
