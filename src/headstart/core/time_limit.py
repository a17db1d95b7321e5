"""Cut a block of code off when its time is over: the last resort against fits that cannot be asked to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

_AGAIN = 1.0  # seconds until the alarm rings again, should the first ring have been swallowed


class OutOfTime(BaseException):
    """Raised in a block of `cut_after`. Like KeyboardInterrupt it is no `Exception`, so that no handler swallows it."""


@contextlib.contextmanager
def cut_after(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block once it took `seconds`.

    It works in the main thread, on systems with SIGALRM, when no other code has set this alarm; elsewhere the block
    runs to its end. A library call is cut when it returns to Python.
    """
    if not _may_ring():
        yield
        return

    def ring(_number: int, _frame: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)

    def still() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), _AGAIN)
            yield
        finally:
            still()
    finally:  # the alarm may have rung in `still` itself; the next ring is a second away
        still()


def _may_ring() -> bool:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return False
    # A handler that is not Python's own reads as None and could not be put back.
    return signal.getitimer(signal.ITIMER_REAL)[0] == 0.0 and signal.getsignal(signal.SIGALRM) is not None
