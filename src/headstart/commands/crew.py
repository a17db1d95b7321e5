"""The workers of a comparison: processes of this machine, started as `headstart work`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import headstart
from headstart.commands.reading import say
from headstart.core import plugins
from headstart.core.disk_cache import DiskCache

if TYPE_CHECKING:
    from headstart.comparing.crew import Crew
    from headstart.comparing.settings import StudyData, StudySettings
    from headstart.fitting.workspace import Workspace
    from headstart.statistics.study import Entry


def program() -> list[str]:
    """Return the beginning of a command that runs this program."""
    return [sys.executable, "-m", "headstart"]


def another_program(asked: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return (command, environment) of this program in another process, with the plug-ins and code of this one."""
    command = [*program(), *asked, *(part for path in plugins.named() for part in ("--plugin", str(path)))]
    command += ["--no-cache"] if DiskCache.of_user() is None else []
    # The same code as here, also where it was found by a changed sys.path.
    places = [str(Path(headstart.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return command, os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": os.pathsep.join(places)}


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

        asked = ["work", str(self.report), "--parent", str(os.getpid())]
        asked += ["--device", self.devices[number % len(self.devices)]] if self.devices else []
        command, environment = another_program(asked)
        environment["OMP_NUM_THREADS"] = str(self.threads)
        with open(WorkQueue(self.report).logs / f"{number}.txt", "wb") as log:
            how = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": environment}
            return subprocess.Popen(command, start_new_session=True, **how)


def threads_each(workers: int, threads: int | None) -> int | None:
    """Return the threads of each of so many workers: as given, by OMP_NUM_THREADS, else an equal part of the cores."""
    from headstart.core.device import cores

    given = os.environ.get("OMP_NUM_THREADS", "")
    return threads or (int(given) if given.isdigit() and int(given) > 0 else max(1, cores() // workers))


@contextlib.contextmanager
def crew_of(
    entries: Sequence[Entry], data: StudyData, spaces: Mapping[str | None, Workspace], settings: StudySettings
) -> Iterator[Crew | None]:
    """Return a block in which the workers of a comparison are there, if it asks for any; its inputs are saved already.

    Raises HeadstartError: rows that cannot be read again, another command compares in the folder.
    """
    if settings.workers is None:
        yield None
        return
    import torch

    from headstart.comparing.ahead import send_ahead
    from headstart.comparing.crew import Crew
    from headstart.comparing.inputs import CompareInputs
    from headstart.comparing.job import Job
    from headstart.comparing.work_queue import WorkQueue
    from headstart.core.device import pick_device

    CompareInputs.load(settings.folder)
    job, kind = Job.of(data, spaces, settings), pick_device().type
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if kind == "cuda" else [kind]
    local = LocalWorkers(settings.folder, job.threads, devices)
    crew = Crew(WorkQueue(settings.folder), local.start, settings.workers, say)
    try:
        crew.begin(lambda: job.write(crew.queue))
        send_ahead(crew, entries, data, settings)
        yield crew
    finally:
        crew.end()
