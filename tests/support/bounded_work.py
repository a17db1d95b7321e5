"""Work measured in a child process under limits: does its time grow with its input, or with the square of it?"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

TIMES = 4  # the larger input, in smaller ones
MOST_GROWTH = 8.0  # of the time; linear work takes 4 times as long, quadratic work 16 times
_NOISE = 0.06  # seconds that say nothing

Work = Callable[[int], Callable[[], object]]  # prepares work on an input of that size


def complaint(work: Work, size: int, *, seconds: float, megabytes: int) -> str:
    """Return what is wrong with the work on an input and on one of four times its size, or ''.

    seconds, megabytes: that each may take; seconds are those of the processor.
    """
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            with os.fdopen(writing, "w") as pipe:
                _measured(work, size, pipe, seconds, megabytes)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = [json.loads(line) for line in pipe]
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status in (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL):
        return f"stopped after {seconds} s"
    faults = [one for one in told if isinstance(one, str)]
    if faults or len(told) < 2:
        return faults[0] if faults else f"ended with status {status}"
    small, large, *again = told
    growth = large / max(small, *again, _NOISE)
    grown = f"grows {growth:.0f} times: {small:.2f} s for {size:,}, {large:.2f} s for {TIMES * size:,}"
    return grown if growth > MOST_GROWTH else ""


def _measured(work: Work, size: int, pipe: TextIO, seconds: float, megabytes: int) -> None:
    """Write the seconds of the smaller work, of the larger, and perhaps of the smaller again; or a fault."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + (megabytes << 20), resource.getrlimit(resource.RLIMIT_AS)[1]))
    gc.freeze()  # else it would look through, and so copy, all that the process has
    found: list[float] = []
    for many in (size, TIMES * size, size):
        if len(found) == 2 and found[1] <= MOST_GROWTH * max(found[0], _NOISE):
            return  # the third only where it matters: a busy machine may be late once
        told = _seconds(work(many), seconds)
        pipe.write(json.dumps(told) + "\n")
        pipe.flush()
        if isinstance(told, str):
            return
        found.append(told)


def _seconds(run: Callable[[], object], seconds: float) -> float | str:
    # The timer is exact, the limit counts whole seconds and stops what blocks signals.
    limit = int(time.process_time() + seconds + 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    begun = time.process_time()
    try:
        run()
    except BaseException as error:  # the Rust library panics, which is no Exception
        return f"{type(error).__name__} {error}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return time.process_time() - begun
