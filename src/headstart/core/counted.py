"""What is counted while a task model answers, for the one who asked: models themselves stay as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_counts: ContextVar[dict[str, int] | None] = ContextVar("counts", default=None)


@contextlib.contextmanager
def counting() -> Iterator[dict[str, int]]:
    """Return what is counted by name while the block runs, in this thread; what nobody counted has no name.

    A model is asked by many threads at once, so that a count on the model would be that of another request.
    """
    counts: dict[str, int] = {}
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def count(name: str, number: int) -> None:
    """Add a number to a count of the block that asks, if any does; 0 says that it was looked at."""
    if (counts := _counts.get()) is not None:
        counts[name] = counts.get(name, 0) + number
