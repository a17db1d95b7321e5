"""Claims: files by which processes, of several machines too, agree on who does what; exclusive, with a heartbeat.

A claim is created with O_CREAT | O_EXCL, which one process alone can do, on NFS since version 3 too. It names its
holder: host, process, and when that process began. The holder touches the file every `BEAT` seconds. It counts as left
behind when its process is gone (same host), or when its time stamp has not moved for `STALE` seconds of the observer's
own clock: clocks of two machines are never compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from headstart.core.files import read_bytes_or_none

BEAT, STALE = 5.0, 60.0  # seconds


@dataclass(frozen=True)
class Holder:
    """host: what tells machines (and containers) apart; name: the machine's, for people; began: of the process."""

    host: str
    name: str
    process: int
    began: str

    @classmethod
    def here(cls) -> Holder:
        """Return this process."""
        return cls(_host(), socket.gethostname(), os.getpid(), _began(os.getpid()))

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this host."""
        return self.host == _host()

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended; of another host nothing is known."""
        if not self.is_here:
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return _began(self.process) != self.began

    def __str__(self) -> str:
        return f"process {self.process} on {self.name}"


@cache
def _host() -> str:
    """Return what is the same for all processes that see each other's numbers, and for no others."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return f"{socket.gethostname()} {uuid.getnode():x}"


def _began(process: int) -> str:
    """Return when a process began, in ticks since the machine did; empty where the system does not say."""
    with contextlib.suppress(OSError, IndexError):
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "gone" if told[0] in "ZX" else told[19]
    return ""


def claim(path: Path) -> bool:
    """Create the claim for this process; return False where there is one already. Raises OSError: no such folder."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with open(handle, "wb") as out:
        out.write(json.dumps(asdict(Holder.here())).encode())
        out.flush()
        os.fsync(out.fileno())
    return True


def holder_of(path: Path) -> Holder | None:
    """Return who holds a claim; None where there is none, or one whose holder was killed before it wrote its name."""
    try:
        return Holder(**json.loads(read_bytes_or_none(path) or b""))
    except (ValueError, TypeError):
        return None


def release(path: Path) -> None:
    """Remove the claim if it is that of this process: it may have been taken back meanwhile."""
    if holder_of(path) == Holder.here():
        path.unlink(missing_ok=True)


def take_back(path: Path, judged: Holder | None) -> bool:
    """Remove a claim that was judged to be left behind; return False where it is another one by now."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
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

        def beat() -> None:
            while not self._ended.wait(self.every):
                for path in tuple(self._paths):
                    with contextlib.suppress(OSError):
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
