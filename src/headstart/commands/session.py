"""What the verbs share: threads, the language of reports, signals that save, files for answers."""

from __future__ import annotations

import contextlib
import json
import locale
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from headstart.base.errors import HeadstartError

Language = Literal["auto", "en", "ko"]


def pick_language(language: str) -> str:
    """Return en or ko; auto asks the locale."""
    if language != "auto":
        return language
    return "ko" if (locale.getlocale()[0] or "").lower().startswith(("ko", "korean")) else "en"


def need_new_folder(folder: Path, what: str, way_out: str) -> None:
    """Raise HeadstartError when `folder` exists and holds anything."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise HeadstartError(f"{folder} exists and is not empty; {what} never overwrites: {way_out}")


def need_positive(name: str, value: float | None) -> None:
    """Raise HeadstartError when a given number is not larger than 0."""
    if value is not None and not value > 0:
        raise HeadstartError(f"{name} {value:g}: must be larger than 0")


@contextlib.contextmanager
def saving_signals(stop: Any) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a request to save and stop; a second one, or an early one, interrupts at once."""
    previous = {}

    def ask(number: int, _frame: object) -> None:
        if not stop.armed or stop.requested:
            if number == signal.SIGTERM:
                raise SystemExit(143)
            raise KeyboardInterrupt
        stop.requested, stop.reason = True, signal.Signals(number).name
        print(f"\n{stop.reason}: saving, then stopping (once more to stop at once)", file=sys.stderr, flush=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: the caller's business
            previous[number] = signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def write_lines(rows: Iterable[dict[str, Any]], out: Path | None) -> int:
    """Write JSON lines to `out` (never over an existing file), or to standard output; return how many."""
    if out is not None and out.exists():
        raise HeadstartError(f"{out} exists; give another --out")
    count = 0
    with contextlib.ExitStack() as stack:
        stream = sys.stdout if out is None else stack.enter_context(open(out, "w", encoding="utf-8"))
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
