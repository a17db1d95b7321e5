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
    """`take(number, seconds)` returns `make(number, seconds)`; with `ahead` > 0 the next so many are being made
    meanwhile, by the seconds of when they were begun."""

    def __init__(self, make: Callable[[int, float], T], ahead: int) -> None:
        self._make, self._ahead = make, ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch") if ahead else None
        self._coming: dict[int, Future[T]] = {}

    def take(self, number: int, seconds: float) -> T:
        """Return what `make` returns of `number`; whatever it raised is raised here."""
        if self._thread is None:
            return self._make(number, seconds)
        for coming in range(number, number + self._ahead + 1):
            if coming not in self._coming:
                self._coming[coming] = self._thread.submit(self._make, coming, seconds)
        return self._coming.pop(number).result()

    def close(self) -> None:
        """Stop the thread; what was made ahead is dropped."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
