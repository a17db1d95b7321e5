"""metrics.jsonl: a line of JSON for each event that the loop told. Written, cut where a run goes on, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from headstart.core.files import AppendedFile, whole_lines
from headstart.training.events import Event, Thinned

METRICS = "metrics.jsonl"
_SCORED = ("step", "evaluation")  # kinds of events that have a loss
_NUMBERS = ("loss", "learning_rate")


class MetricsFile:
    """Append events, see `Thinned`; patience: see `Checkpoints`. Raises DiskError: no line is written in part.

    JSON has no number that is not finite: such ones are written as "NaN", "Infinity" and "-Infinity".
    """

    def __init__(self, path: Path, patience: Callable[[Callable[[], None]], None] | None = None):
        self._file, self._patience = AppendedFile(path), patience
        self._thinned = Thinned()

    def __call__(self, event: Event) -> None:
        if not self._thinned.due(event):
            return
        told = {name: value for name, value in vars(event).items() if name not in ("loss", "parts")}
        told = {name: _written(value, 6) for name, value in told.items() if value != "" and value == value}
        if event.kind in _SCORED:
            told["loss"] = _written(event.loss, 6)
        if event.parts:
            told["parts"] = {name: _written(float(value)) for name, value in event.parts.items()}
        line = (json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n").encode()
        if self._patience is None:
            self._file.append(line)
        else:
            self._patience(lambda: self._file.append(line))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the events of a file in their order, numbers as they were told; [] where there is no file.

    Lines that a kill tore are left out.
    """
    return [event for _, event in _lines(path)]


def metrics_until(path: Path, step: int) -> bytes | None:
    """Return what stays of a file when a run goes on from `step`; None: all of it, or there is none.

    Whole lines of steps up to that one; of step 0 everything is told again. Where an earlier version left lines that go
    back, what was told last stays.
    """
    kept: list[tuple[str, int]] = []
    for line, event in _lines(path):
        while kept and kept[-1][1] > event["step"]:
            kept.pop()
        if event["step"] <= step > 0:
            kept.append((line, event["step"]))
    text = "".join(f"{line}\n" for line, _ in kept).encode()
    return None if not path.is_file() or path.read_bytes() == text else text


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in whole_lines(path):
        try:
            event = json.loads(line)
            if isinstance(event, dict) and isinstance(event.get("step"), int):
                yield line, _read(event)
        except (ValueError, TypeError, AttributeError):  # torn, or not of headstart
            continue


def _written(value: Any, digits: int | None = None) -> Any:
    """Return a value as JSON has it, a finite float rounded to so many digits."""
    if not isinstance(value, float):
        return value
    if math.isfinite(value):
        return value if digits is None else round(value, digits)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _read(event: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: float(event[name]) for name in _NUMBERS if name in event}
    parts = {"parts": {name: float(value) for name, value in event["parts"].items()}} if "parts" in event else {}
    return event | numbers | parts
