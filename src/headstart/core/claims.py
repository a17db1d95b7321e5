"""Claims: files by which processes, of several machines too, agree on who does what; exclusive, with a heartbeat.

A claim is written aside and linked to its name, which one process alone can do, on NFS too; so it always names its
holder (`core/holder.py`): host, process, and when that process began. Where there are no links it is created with
O_CREAT | O_EXCL. The holder touches the file every `BEAT` seconds. It counts as left behind when its process is gone
(same host), or when its time stamp has not moved for `STALE` seconds of the observer's own clock: clocks of two
machines are never compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from headstart.core.errors import HeadstartError
from headstart.core.files import sync_file, temporary_beside
from headstart.core.holder import Holder

BEAT, STALE = 5.0, 60.0  # seconds
_MOST_BYTES = 4096  # of a claim
_LOOK = 0.5  # seconds between two looks at a claim whose holder may be gone
_let_go: set[Path] = set()


def claim(path: Path) -> bool:
    """Create the claim for this process; return False where there is one already. Raises OSError: no such folder."""
    if os.path.lexists(path):
        return False
    holder = replace(Holder.here(), since=time.strftime("%Y-%m-%d %H:%M:%S %z"))
    content, temporary = json.dumps(asdict(holder)).encode(), temporary_beside(path)
    try:
        with open(temporary, "xb") as out:
            out.write(content)
            sync_file(out)
        made = _linked(temporary, path, content)
        _let_go.discard(path)
        return made
    finally:
        temporary.unlink(missing_ok=True)


def _linked(temporary: Path, path: Path, content: bytes) -> bool:
    """Give what was written the name of the claim; return False where another one has it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return temporary.stat().st_nlink == 2  # NFS: it was made, and the answer was lost
    except OSError:  # no hard links here
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with open(handle, "wb") as out:
            out.write(content)
    return True


def holder_of(path: Path) -> Holder | None:
    """Return who holds a claim; None where there is none, or a file that is no claim."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        if path.is_file() and path.stat().st_size < _MOST_BYTES:
            holder = Holder(**json.loads(path.read_bytes()))
            texts = (holder.host, holder.name, holder.began, holder.since, holder.machine)
            return holder if type(holder.process) is int and all(isinstance(one, str) for one in texts) else None
    return None


def release(path: Path) -> None:
    """Remove the claim if it is that of this process: it may have been taken back meanwhile."""
    if holder_of(path) == Holder.here():
        _let_go.add(path)
        with contextlib.suppress(OSError):  # it stays, and counts as left behind once the process is gone
            path.unlink(missing_ok=True)


def was_let_go(path: Path) -> bool:
    """Whether this process had the claim and released it."""
    return path in _let_go


def take_back(path: Path, judged: Holder | None) -> bool:
    """Remove a claim that was judged to be left behind; return False where it is another one by now."""
    aside = temporary_beside(path)
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    same = holder_of(aside) == judged
    if not same:
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink(missing_ok=True)
    return same


def take(
    path: Path,
    watch: Watch,
    taken_by: Callable[[Holder | None], HeadstartError],
    wait_for: Callable[[Holder | None], None],
) -> Holder | None:
    """Claim what another process may have claimed before; return who left it behind, None: it was free.

    A holder of this host is known to live or not. One of another host gets the time of the watch for a sign of life:
    `wait_for` is told so, once. Raises HeadstartError: `taken_by` of a holder that lives; OSError.
    """
    left, told = None, False
    while not claim(path):
        holder, first = holder_of(path), watch.stamp(path)
        while not watch.is_left(path) and path.exists():
            if (holder is not None and holder.is_here) or watch.stamp(path) != first:
                raise taken_by(holder)
            if not told:
                wait_for(holder)
                told = True
            time.sleep(min(_LOOK, watch.stale))
        if take_back(path, holder):
            left = holder
    return left


class Watch:
    """Tells which claims are left behind; one for as long as the observer looks."""

    def __init__(self, stale: float = STALE) -> None:
        self.stale = stale
        self._seen: dict[Path, tuple[int, float]] = {}

    @staticmethod
    def stamp(path: Path) -> int:
        """Return the time stamp of a claim, 0 where there is none."""
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0

    def is_left(self, path: Path) -> bool:
        """Whether the holder of a claim is gone, as far as can be known; no claim, nobody who left it."""
        if not (stamp := self.stamp(path)):
            self._seen.pop(path, None)
            return False
        now = time.monotonic()
        if self._seen.get(path, (0, 0.0))[0] != stamp:
            self._seen[path] = stamp, now
        holder = holder_of(path)
        return bool(holder and holder.is_gone) or now - self._seen[path][1] > self.stale


class Heartbeat:
    """Touches the claims of this process, in a thread of its own, so that a long computation is no silence."""

    def __init__(self, every: float = BEAT) -> None:
        self.every = every
        self._paths: set[Path] = set()
        self._ended = threading.Event()

    @contextlib.contextmanager
    def running(self, *, each: Callable[[], None] = lambda: None) -> Iterator[Heartbeat]:
        """Beat while the block runs; each: called at every beat."""

        mine = Holder.here()

        def beat() -> None:
            while not self._ended.wait(self.every):
                for path in tuple(self._paths):
                    with contextlib.suppress(OSError):
                        if holder_of(path) == mine:  # of one that took its place it is no sign of life
                            os.utime(path)
                each()

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    @contextlib.contextmanager
    def keeping(self, path: Path) -> Iterator[None]:
        """Keep a claim alive while the block runs, then release it."""
        self._paths.add(path)
        try:
            yield
        finally:
            self._paths.discard(path)
            release(path)
