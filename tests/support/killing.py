"""SIGKILL before the Nth change of the disk: a forked process runs a command and ends itself there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable

from old_artefacts import headstart

from headstart.core import files

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync", "link")


def killed_before(number: int, action: Callable[[], object]) -> bool:
    """Run `action` in a child that is killed before its change `number` of the disk; whether it got there."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 2)
            _count_down(number)
            action()
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the command failed before it was killed"
    return False


def _count_down(number: int) -> None:
    left = [number]

    def counted(real: Callable) -> Callable:
        def call(*arguments, **named):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return real(*arguments, **named)

        return call

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    files._exchange = counted(files._exchange)
    shutil._rmtree_safe_fd = counted(shutil._rmtree_safe_fd)


def program(*arguments: object) -> Callable[[], object]:
    """Return what runs the program with these arguments."""
    return lambda: headstart(*arguments)
