"""Cut a block of code off when its time is over: the last resort against fits that cannot be asked to stop."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator

_AGAIN = 1.0  # seconds until the alarm rings again, should the first ring have been swallowed


class OutOfTime(BaseException):
    """Raised in a block of `cut_after`. Like KeyboardInterrupt it is no `Exception`, so that no handler swallows it."""


@contextlib.contextmanager
def cut_after(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block once it took `seconds`, whatever thread it runs in.

    A library call is cut when it returns to Python. In the main thread an alarm of the system (SIGALRM) wakes one that
    sleeps, too; elsewhere, where there is no such alarm, and where other code has set it, a thread of its own watches.
    """
    with _alarm(seconds) if _may_ring() else _watched(seconds):
        yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
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


@contextlib.contextmanager
def _watched(seconds: float) -> Iterator[None]:
    thread, lock, ended = threading.get_ident(), threading.Lock(), threading.Event()

    def watch() -> None:
        wait = max(seconds, 1e-3)
        while not ended.wait(wait):
            with lock:  # never once the block has ended
                if not ended.is_set():
                    _throw(thread, OutOfTime)
            wait = _AGAIN

    def still() -> None:
        ended.set()
        with lock:
            pass
        _throw(thread, None)  # what was thrown and has not arrived yet

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        try:
            watcher.start()  # from here on it may arrive at any moment
            yield
        finally:
            still()
    finally:  # it may have arrived in `still` itself; nothing is thrown from here on
        still()


def _throw(thread: int, error: type[BaseException] | None) -> None:
    """Let an exception rise in a thread when it next runs Python, or take one back that has not risen yet."""
    given = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), given)
