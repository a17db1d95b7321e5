"""Who writes: a process of a host, told apart from every other one, also from a later process of the same number."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """host: what tells machines (and containers) apart; name: the machine's, for people; began: of the process.

    since: when it took what it holds, for people; machine: what stays the same when the machine starts anew, "" where
    nothing is known to. Neither is part of who it is.
    """

    host: str
    name: str
    process: int
    began: str
    since: str = field(default="", compare=False)
    machine: str = field(default="", compare=False)

    @classmethod
    def here(cls) -> Holder:
        """Return this process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, process: int) -> Holder:
        """Return a process of this host."""
        return cls(_host(), socket.gethostname(), process, _began(process), machine=_machine())

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this host."""
        return self.host == _host()

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended: of this host, or of this machine before it started anew."""
        return self.is_of_earlier_start or (self.is_here and _is_gone(self.process, self.began))

    @property
    def is_of_earlier_start(self) -> bool:
        """Whether it is a process of this machine before the machine started anew: no process outlives that."""
        started = _start(self.host), _start(_host())
        return bool(self.machine) and self.machine == _machine() and all(started) and started[0] != started[1]

    @property
    def mark(self) -> str:
        """What names of temporary files say of their writer; see `mark_is_here` and `mark_is_gone`."""
        return f"{self.process}-{_short(self.host)}-{self.began}"

    def __str__(self) -> str:
        return f"process {self.process} on {self.name}"


def mark_is_here(mark: str) -> bool:
    """Whether the process of a `Holder.mark` is one of this host."""
    return mark.split("-")[1] == _short(_host())


def mark_is_gone(mark: str) -> bool:
    """Whether the process of a `Holder.mark` is known to have ended; of another host nothing is known."""
    process, _, began = mark.split("-")
    return mark_is_here(mark) and _is_gone(int(process), began)


def _is_gone(process: int, began: str) -> bool:
    """Whether no process of this host has the number and began then."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass  # it is another user's
    return _began(process) not in ("", began)


@cache
def _short(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:8]


@cache
def _host() -> str:
    """Return what is the same for all processes that see each other's numbers, and for no others."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return f"{socket.gethostname()} {uuid.getnode():x}"


def _start(host: str) -> str:
    """Return what Linux calls this start of a machine by, "" where it is not known."""
    return host.split()[0] if " pid:" in host else ""


@cache
def _machine() -> str:
    """Return what tells machines apart over their starts: their id, address and name all together, since copies of a
    machine may share one of them; "" where they have no id.
    """
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            if name := Path(path).read_text().strip():
                return _short(f"{name} {uuid.getnode():x} {socket.gethostname()}")
    return ""


def _began(process: int) -> str:
    """Return when a process began, in ticks since the machine did; empty where the system does not say."""
    with contextlib.suppress(OSError, IndexError):
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "gone" if told[0] in "ZX" else told[19]
    return ""
