"""How much memory this process has held, and the part that the C library keeps although nothing uses it."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from headstart.core.device import pick_device

_MB = 1_000_000


def peak_memory() -> int:
    """Return the MB that this process has held at most, those of the GPU where networks run on one."""
    if pick_device().type == "cuda":
        return torch.cuda.max_memory_allocated() // _MB
    if sys.platform == "win32":  # nothing of the standard library tells it there
        return 0
    if (own := _of_this_program()) is not None:
        return own
    import resource

    kilobytes = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobytes // _MB


def _of_this_program() -> int | None:
    """Return the MB held at most since this program was started, where Linux tells it.

    `ru_maxrss` of a started process begins at what the process that started it had held until then.
    """
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
            line = next((line for line in file if line.startswith("VmHWM:")), None)
    except OSError:  # another system, or /proc is not there
        return None
    return None if line is None else int(line.split()[1]) * 1024 // _MB


def give_back() -> bool:
    """Give freed memory back to the system, where the C library can (glibc's malloc_trim); return whether it did.

    Batches of many sizes leave gaps in the heap that no later batch fits: steps that need 400 MB hold 700 after a
    minute and more every minute. Once takes some 25 ms.
    """
    trim = _trim()
    return trim is not None and bool(trim(0))


def let_go(array: np.ndarray) -> None:
    """Take the pages of a mapped file out of this process; they stay in the system's cache, and come again when read.

    A batch reads a few kilobytes here and there, and the system maps what lies around: after some minutes the whole
    file would count as memory of the process.
    """
    if isinstance(array, np.memmap) and sys.platform.startswith("linux"):
        array._mmap.madvise(mmap.MADV_DONTNEED)


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library than glibc
        return None
