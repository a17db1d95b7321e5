"""Processes forked from a test: workers whose routes and rows are in memory, and coordinators that can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable


class Forked:
    """A child that runs a function and ends; as `subprocess.Popen` as far as a crew needs it."""

    def __init__(self, run: Callable[[], object]) -> None:
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                run()
                code = 0
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, timeout: float = 20.0) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.005)
        return self.code

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
