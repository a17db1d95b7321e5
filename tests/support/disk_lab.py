"""Commands whose file operations are counted, logged, failed and killed one by one (`disk_shim.c`), each in a fork.

A server process holds the program in memory, with the shim preloaded; every command runs in a child of it, so that a
kill costs a fraction of a second. `DiskLab` asks it; this file run as a script is the server.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHIM = Path(__file__).with_name("disk_shim.c")
KILLS = {"before": 1, "half way": 2, "after": 3}
FAULTS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES, "short": 0}
_FAIL, _SHORT = 4, 5
_LIMIT = 120.0  # seconds of one command
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Change:
    """One change of the disk: open, write, fsync, rename, exchange, link, mkdir, remove; other: the old name."""

    kind: str
    path: str
    other: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {Path(self.path).name}"


@dataclass(frozen=True)
class Ran:
    """code: exit status, KILLED, or `hang`; said: all that was printed; changes: in their order."""

    code: int | str
    said: str
    changes: list[Change] = field(repr=False)

    @property
    def complaint(self) -> str:
        """The one line of complaint, checked as users see it: no traceback, no fault of the program."""
        lines = [line for line in self.said.splitlines() if line.startswith("headstart:")]
        assert len(lines) == 1, self.said
        assert self.said.endswith(lines[0] + "\n"), self.said
        assert "Traceback" not in self.said, self.said
        assert "internal fault" not in lines[0], lines[0]
        return lines[0]


def why_not() -> str:
    """Why there is no lab here, "" where there can be one."""
    if not sys.platform.startswith("linux"):
        return "changes of the disk are counted by a library that Linux preloads"
    return "" if shutil.which("cc") else "no C compiler (cc) to build tests/support/disk_shim.c"


class DiskLab:
    """A server of commands."""

    def __init__(self, home: Path) -> None:
        library = home / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-o", library, SHIM, "-ldl"], check=True)
        environment = os.environ | {
            "LD_PRELOAD": str(library),
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "RAYON_NUM_THREADS": "1",
            "HEADSTART_CACHE": "off",
        }
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def warm(self, *arguments: object) -> None:
        """Run a command in the server itself, so that children find everything imported."""
        ran = self._ask(arguments=[str(one) for one in arguments], stays=True)
        assert ran.code == 0, ran.said

    def run(self, *arguments: object, below: Path, plant: str = "", gate: Path | None = None) -> Ran:
        """Run a command; its changes below a folder are logged. plant: Python that is executed before.

        gate: while that file is there, the disk is full.
        """
        return self._run(arguments, below, plant=plant, gate=str(gate or ""), code=errno.ENOSPC)

    def killed(self, number: int, how: str, *arguments: object, below: Path, plant: str = "") -> Ran:
        """Run a command that is killed at its change `number` (from 1), see KILLS."""
        return self._run(arguments, below, number=number, until=number, way=KILLS[how], plant=plant)

    def failed(
        self, number: int, fault: str, *arguments: object, below: Path, until: int | None = None, plant: str = ""
    ) -> Ran:
        """Run a command whose change `number` fails, or all up to `until`, see FAULTS."""
        how = {"way": _SHORT if fault == "short" else _FAIL, "code": FAULTS[fault]}
        return self._run(arguments, below, number=number, until=until or number, plant=plant, **how)

    def killed_after(self, seconds: float, *arguments: object, below: Path, plant: str = "") -> Ran:
        """Run a command that is killed after so many seconds, if it has not come to its end."""
        return self._run(arguments, below, seconds=seconds, plant=plant)

    def _run(self, arguments: tuple, below: Path, **more: object) -> Ran:
        return self._ask(arguments=[str(one) for one in arguments], folder=str(below), **more)

    def _ask(self, **request: object) -> Ran:
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        assert line, "the server of the lab ended"
        told = json.loads(line)
        return Ran(told["code"], told["said"], [Change(*one) for one in told["changes"]])

    def close(self) -> None:
        """End the server."""
        self._server.stdin.close()
        self._server.stdout.close()
        assert self._server.wait(20) == 0


@contextlib.contextmanager
def opened(*warm: tuple) -> Iterator[DiskLab]:
    """A lab while the block runs; warm: commands that it carries out first, see `DiskLab.warm`."""
    with tempfile.TemporaryDirectory(prefix="disk-lab-") as home:
        lab = DiskLab(Path(home))
        try:
            for arguments in warm:
                lab.warm(*arguments)
            yield lab
        finally:
            lab.close()


def _serve(home: Path) -> None:
    shim = ctypes.CDLL(None)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "src")]
    import torch

    torch.set_num_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        said, log = home / "said", home / "log"
        log.write_text("")
        if request.get("stays"):
            code = _told(request, said)
        else:
            code = _in_child(shim, request, said, log)
        rows = [one.split("\t")[1:] for one in log.read_text(errors="surrogateescape").splitlines()]
        told = {"code": code, "said": said.read_text(errors="replace"), "changes": rows}
        answers.write(json.dumps(told) + "\n")
        answers.flush()


def _in_child(shim: ctypes.CDLL, request: dict, said: Path, log: Path) -> int | str:
    if (child := os.fork()) == 0:
        code = 99
        try:
            handle = os.open(log, os.O_WRONLY | os.O_APPEND)
            exec(request.get("plant", ""), {})
            numbers = [ctypes.c_long(request.get(name, 0)) for name in ("number", "until")]
            how = [request.get(name, 0) for name in ("way", "code")]
            gate = request.get("gate", "").encode()
            arm = lambda: shim.lab_arm(os.fsencode(request["folder"]), *numbers, *how, handle, gate)  # noqa: E731
            code = _told(request, said, arm)
        finally:
            os._exit(code)
    begun, asked = time.monotonic(), request.get("seconds")
    while not (found := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() - begun > (asked or _LIMIT):
            os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            return code if asked else "hang"
        time.sleep(0.0005)
    return os.waitstatus_to_exitcode(found[1])


def _told(request: dict, said: Path, arm=lambda: None) -> int:
    """Run a command, with everything that it prints in a file."""
    from headstart.commands.app import main

    before = os.dup(1), os.dup(2), sys.stdout, sys.stderr
    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = sys.stderr = open(handle, "w", buffering=1)  # noqa: SIM115
    try:
        arm()
        main(request["arguments"])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.stdout.close()
        sys.stdout, sys.stderr = before[2:]
        for number, kept in enumerate(before[:2], 1):
            os.dup2(kept, number)
            os.close(kept)
    return 0


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
