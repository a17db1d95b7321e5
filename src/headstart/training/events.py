"""What the loop tells its listeners, which only read, and the listener that prints progress."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from torch import Tensor

from headstart.core.progress_line import ProgressLine, columns, in_notebook, shown_in_notebook
from headstart.core.spoken import spoken

_ALL_OF, _APART = 100, 0.5  # first steps of which every one is written: short fits have a curve too; seconds


@dataclass(frozen=True)
class Event:
    """kind: step | evaluation | saved | warning.

    loss: per target (of steps: smoothed, see `FitResult`), NaN for a step that was skipped; learning_rate: of the step;
    seconds: of training so far.
    units: tokens or images so far, as `unit` says. parts: scalar tensors or numbers; reading a tensor may wait for the
    device, so that a listener does so only when it writes.
    """

    kind: str
    step: int
    progress: float
    seconds: float
    units: int = 0
    unit: str = ""
    samples: int = 0
    loss: float = math.nan
    learning_rate: float = math.nan
    parts: Mapping[str, float | Tensor] = field(default_factory=dict)
    message: str = ""


class Listener(Protocol):
    """Anything that can be called with an event."""

    def __call__(self, event: Event) -> None: ...


class Thinned:
    """Which steps are written to files: the first 100, then two a second at most, the last, and those skipped."""

    def __init__(self) -> None:
        self._last = -math.inf

    def due(self, event: Event) -> bool:
        """Whether the event is written; every event that is no step is."""
        if event.kind != "step":
            return True
        waited = event.seconds - self._last >= _APART
        wanted = event.step <= _ALL_OF or waited or event.progress >= 1.0 or math.isnan(event.loss)
        if wanted:
            self._last = event.seconds
        return wanted


class Progress:
    """Print rate, loss and time left: one rewritten line on a terminal, a bar in a notebook, a plain line now and then
    elsewhere."""

    def __init__(self, stream: TextIO | None = None, seconds_between: float = 10.0):
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._notebook = stream is None and in_notebook()
        self._between = 0.2 if self._live else 1.0 if self._notebook else seconds_between
        self._last = -math.inf
        self._start: tuple[float, int, int] | None = None
        self._width = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "step":
            self._step(event)
        elif event.kind == "evaluation":
            values = "  ".join(f"{name} {float(value):.4g}" for name, value in event.parts.items())
            self._line(f"held-out data: loss {event.loss:.4f}  {values}  (step {event.step:,})")
        elif event.kind == "warning":
            self._line(f"warning: {event.message}")

    def _step(self, event: Event) -> None:
        if self._start is None:
            self._start = (event.seconds, event.units, event.step)
        now = time.monotonic()
        if now - self._last < self._between and event.progress < 1.0:
            return
        self._last = now
        seconds = max(event.seconds - self._start[0], 1e-9)
        speed = (event.units - self._start[1]) / seconds
        left = event.seconds * (1 - event.progress) / event.progress if event.progress > 0 else math.nan
        text = spoken(
            f"{event.progress:4.0%}  step {event.step:,}  loss {event.loss:.4f}  "
            f"learning rate {event.learning_rate:.1e}  "
            + (f"{speed:,.0f} {event.unit}/s  " if speed else "")
            + f"{clock(left)} left"
        )
        if self._notebook:
            shown_in_notebook(ProgressLine(text, event.progress))
        elif self._live:
            self._stream.write("\r" + text + " " * (self._width - columns(text)))
            self._width = columns(text)
            if event.progress >= 1.0:
                self._stream.write("\n")
                self._width = 0
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _line(self, text: str) -> None:
        clear = "\r" + " " * self._width + "\r" if self._live else ""
        self._stream.write(f"{clear}{spoken(text)}\n")
        self._stream.flush()


def clock(seconds: float) -> str:
    """Write a duration for people: 45 s, 3 min 20 s, 2 h 5 min."""
    if not math.isfinite(seconds):
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
