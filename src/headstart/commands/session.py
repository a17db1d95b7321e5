"""What the verbs share: the language of reports, checks of what was given, signals that save, files for answers."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from headstart.core.disk_errors import disk_error
from headstart.core.errors import HeadstartError
from headstart.core.files import is_passing
from headstart.core.launched import launched
from headstart.core.sole_writer import need_no_writer
from headstart.core.spoken import chosen_or_of_environment, spoken

Language = Literal["auto", "en", "ko"]


# The parser takes a bare - for an option; no argument can hold a zero byte, so this stands for it on the way.
DASH = "\0-"
_command: ContextVar[str] = ContextVar("command", default="")


class Terminated(KeyboardInterrupt):
    """SIGTERM outside the training loop, where nothing is left to save."""


@contextlib.contextmanager
def running(tokens: Sequence[str]) -> Iterator[None]:
    """Let `command_line` tell of `headstart TOKENS` while the block runs."""
    before = _command.set(shlex.join(["headstart", *tokens]))
    try:
        yield
    finally:
        _command.reset(before)


def command_line() -> str:
    """Return the command that runs now as a shell takes it; empty when a verb was called from Python."""
    return _command.get()


def shell_command(verb: str, *arguments: object) -> str:
    """Return `headstart VERB ARGUMENTS` as a shell in any folder takes it: every `Path` absolute, everything quoted."""
    words = [str(one.absolute()) if isinstance(one, Path) and str(one) != "-" else str(one) for one in arguments]
    return shlex.join(["headstart", verb, *words])


def pick_language(language: str) -> str:
    """Return en or ko; auto is the language of the program, see `core/spoken.py`."""
    return chosen_or_of_environment() if language == "auto" else language


def whole(_kind: Any, tokens: Sequence[Any]) -> int:
    """Read a whole number of the command line; 1.5 is none (the parser itself would round it). Raises ValueError."""
    return int(tokens[0].value.replace("_", ""))


def files(_kind: Any, tokens: Sequence[Any]) -> list[str]:
    """Read file names of the command line, where - is standard input."""
    return ["-" if token.value == DASH else token.value for token in tokens]


def need_new_folder(folder: Path, what: str, way_out: str) -> None:
    """Raise HeadstartError when `folder` cannot be made or already holds anything."""
    need_folder(folder)
    if holds_anything(folder):
        raise HeadstartError(f"{folder} exists and is not empty; {what} never overwrites: {way_out}")


def holds_anything(folder: Path) -> bool:
    """Whether a folder is there and not empty; half-written files and the claim of a writer do not count."""
    return folder.is_dir() and not all(is_passing(path.name) for path in folder.iterdir())


def need_folder(folder: Path) -> None:
    """Raise HeadstartError when `folder` cannot be made, or another process writes there; nothing is left behind."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise HeadstartError(f"--out {folder}: {path} is a file, not a folder; choose another --out")
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        need_no_writer(folder)
    except OSError as error:
        raise disk_error(folder, error) from None
    finally:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()


def need_new_file(path: Path) -> None:
    """Raise HeadstartError when `path` exists or its folder cannot be made."""
    if path.exists():
        raise HeadstartError(f"{path} exists; give another --out")
    need_folder(path.parent)


def need_positive(name: str, value: float | None) -> None:
    """Raise HeadstartError when a given number is not finite or not larger than 0."""
    if value is not None and not 0 < value < math.inf:
        raise HeadstartError(f"{name} {value:g}: must be larger than 0" + (" and finite" if value == math.inf else ""))


@contextlib.contextmanager
def saving_signals(stop: Any) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a request to save and stop; a second one, or an early one, interrupts at once.

    Under torchrun a second one is no insisting: Ctrl-C comes from the terminal and from torchrun, which ends what does
    not stop within half a minute. The first rank says what it does.
    """
    previous = {}
    place = launched()

    def ask(number: int, _frame: object) -> None:
        if stop.requested and place.world > 1:
            return
        if not stop.armed or stop.requested:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        stop.requested, stop.reason = True, signal.Signals(number).name
        if not place.is_first:
            return
        told = spoken(f"{stop.reason}: saving, then stopping (once more to stop at once)")
        print(f"\n{told}", file=sys.stderr, flush=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: the caller's business
            previous[number] = signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
