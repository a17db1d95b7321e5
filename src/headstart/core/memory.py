"""How much memory this process has held, and the part that the C library keeps although nothing uses it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache

import torch

from headstart.core.device import pick_device

_MB = 1_000_000
_GAPS = 64  # MB that may gather before they are given back


def peak_memory() -> int:
    """Return the MB that this process has held at most, those of the GPU where networks run on one."""
    if pick_device().type == "cuda":
        return torch.cuda.max_memory_allocated() // _MB
    if sys.platform == "win32":  # nothing of the standard library tells it there
        return 0
    import resource

    kilobytes = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobytes // _MB


def held_memory() -> int:
    """Return the MB that this process holds now; 0 where the system is not asked in a few microseconds (Linux is)."""
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _page() // _MB


class GapKeeper:
    """Gives memory back whenever the process holds 64 MB more than it did after the last time, or at least."""

    def __init__(self) -> None:
        self._least = held_memory()

    def look(self) -> None:
        """Do so now, if it is time."""
        held = held_memory()
        if held > self._least + _GAPS:
            give_back()
            held = self._least = held_memory()
        self._least = min(self._least, held)


def give_back() -> bool:
    """Give freed memory back to the system, where the C library can (glibc's malloc_trim); return whether it did.

    Batches of many sizes leave gaps in the heap that no later batch fits: steps that need 400 MB hold 700 after a
    minute and more every minute. Once takes some 25 ms, and a masked run on a CPU gathers 64 MB in some four seconds.
    """
    trim = _trim()
    return trim is not None and bool(trim(0))


@cache
def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library than glibc
        return None
