"""Batches of coming steps, read and corrupted by a thread beside training; order and content do not depend on it.

This is safe because `BatchSource.at` and `Objective.corrupt` are pure functions: a batch made ahead is the batch that
would have been made in its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """`take(number)` returns `make(number)`; with `ahead` > 0 the next so many numbers are being made meanwhile."""

    def __init__(self, make: Callable[[int], T], ahead: int) -> None:
        self._make, self._ahead = make, ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch") if ahead else None
        self._coming: dict[int, Future[T]] = {}

    def take(self, number: int) -> T:
        """Return `make(number)`; whatever it raised is raised here."""
        if self._thread is None:
            return self._make(number)
        for coming in range(number, number + self._ahead + 1):
            if coming not in self._coming:
                self._coming[coming] = self._thread.submit(self._make, coming)
        return self._coming.pop(number).result()

    def close(self) -> None:
        """Stop the thread; what was made ahead is dropped."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
