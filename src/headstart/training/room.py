"""A full disk pauses training: what is to be written waits, within a limit, until there is room for it again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from headstart.core.disk_errors import DiskFull, existing
from headstart.core.ranks import world
from headstart.training.agreement import Stop
from headstart.training.events import clock

_LOOK = 5.0  # seconds between two looks at the disk
_TELL = 30.0  # seconds between two lines of progress
_MOST_OF_RANKS = 1200.0  # seconds: the other ranks wait for the first, and not for ever
_MB = 2**20


class Room:
    """Carries out the writes of a run; one that meets a full disk is tried again until `most` seconds are over."""

    def __init__(self, most: float, stop: Stop, say: Callable[[str], None]) -> None:
        self.most = most if world() == 1 else min(most, _MOST_OF_RANKS)
        self.stop, self.say = stop, say

    def wait_for(self, write: Callable[[], None]) -> None:
        """Carry out a write that leaves nothing behind where it fails. The seconds of waiting are no training time.

        While it waits a signal interrupts at once, since nothing can be saved. Raises DiskFull: there was no room in
        all that time; what was saved before is intact. Raises whatever else the write raises.
        """
        try:
            return write()
        except DiskFull as full:
            if not self.most:
                raise
            first = full
        begun, armed = time.monotonic(), self.stop.armed
        self.stop.armed = False
        self.say(
            f"{first.path}: the disk is full, {self._state(first)}; training waits up to {clock(self.most)} for room "
            "(Ctrl-C ends it, what was saved is intact)"
        )
        try:
            self._until_written(write, first, begun)
        finally:
            self.stop.armed = armed
            self.stop.waited += time.monotonic() - begun
        self.say(f"there is room again after {clock(time.monotonic() - begun)}; training goes on")

    def _until_written(self, write: Callable[[], None], full: DiskFull, begun: float) -> None:
        told = begun
        while (left := begun + self.most - time.monotonic()) > 0:
            time.sleep(min(_LOOK, left))
            if not _fits(full):
                if time.monotonic() - told >= _TELL:
                    told = time.monotonic()
                    self.say(f"waiting for room: {self._state(full)}, {clock(max(left, 0))} left")
                continue
            try:
                return write()
            except DiskFull as again:
                full = again
        raise full

    def _state(self, full: DiskFull) -> str:
        need = "" if full.need is None else f", about {full.need // _MB + 1:,} MB needed"
        return f"{shutil.disk_usage(existing(full.path)).free // _MB:,} MB free{need}"


def _fits(full: DiskFull) -> bool:
    """Whether the write is worth trying again."""
    free = shutil.disk_usage(existing(full.path)).free
    return full.need is None or free > full.need
