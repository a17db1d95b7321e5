"""Curves of fits: inside `logging_curves` every fit of the one training loop tells the loggers, as a curve of its own.

A curve is named by what the fit is part of (`curve`): `pretrain`, `fold-1/rate-0.3/network`. Loggers only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from headstart.core.curves import CurveWriter
from headstart.core.spec import LoggerSpec
from headstart.training.events import Event, Listener, Thinned

LOG = "log"  # the folder of the curves inside a run, a task model or a sweep


class _Log:
    """The writers of one `logging_curves`, and the curves that were begun."""

    def __init__(self, writers: Sequence[CurveWriter]) -> None:
        self.writers = writers
        self.begun: set[str] = set()

    def new_name(self, name: str) -> str:
        """Return the name, with a number behind it where a curve has it already."""
        number, free = 1, name
        while free in self.begun:
            number += 1
            free = f"{name}-{number}"
        self.begun.add(free)
        return free


_log: ContextVar[_Log | None] = ContextVar("log", default=None)
_part_of: ContextVar[tuple[str, ...]] = ContextVar("part_of", default=())


@contextmanager
def logging_curves(loggers: Sequence[LoggerSpec], folder: Path) -> Iterator[None]:
    """Write the curves of every fit in the block below `folder`; without loggers the block runs as it is.

    Raises HeadstartError: see `LoggerSpec.open`.
    """
    if not loggers:
        yield
        return
    log = _Log([logger.open(folder / LOG) for logger in loggers])
    token = _log.set(log)
    try:
        yield
    finally:
        _log.reset(token)
        for writer in log.writers:
            writer.close()


@contextmanager
def unlogged() -> Iterator[None]:
    """Let no fit of the block have a curve."""
    token = _log.set(None)
    try:
        yield
    finally:
        _log.reset(token)


@contextmanager
def curve(name: str) -> Iterator[None]:
    """Name the fits of the block; blocks inside blocks make `outer/inner`."""
    token = _part_of.set((*_part_of.get(), name))
    try:
        yield
    finally:
        _part_of.reset(token)


def listeners_of_fit(step: int) -> list[Listener]:
    """Return what listens to a fit that starts from `step`: one curve for each logger; [] outside `logging_curves`."""
    log = _log.get()
    if log is None:
        return []
    name = log.new_name("/".join(_part_of.get()) or "fit")
    return [_Curve(writer, name, step) for writer in log.writers]


class _Curve:
    """A listener that hands scalars to a writer, none twice: a fit that goes on may tell its first step again.

    Of a step: loss, learning_rate, units_per_second (since the step that was written before), part/NAME. Of an
    evaluation: held_out/loss, held_out/NAME.
    """

    def __init__(self, writer: CurveWriter, name: str, step: int) -> None:
        self.writer, self.thinned = writer, Thinned()
        self.last = dict(writer.begin(name, step))
        self.before: Event | None = None

    def __call__(self, event: Event) -> None:
        """See `Listener`."""
        if event.kind not in ("step", "evaluation") or not self.thinned.due(event):
            return
        values = self._of_step(event) if event.kind == "step" else _of_evaluation(event)
        values = {name: one for name, one in values.items() if event.step > self.last.get(name, -1)}
        if values:
            self.writer.write(event.step, values)
            self.last |= dict.fromkeys(values, event.step)

    def _of_step(self, event: Event) -> dict[str, float]:
        values = {"loss": event.loss, "learning_rate": event.learning_rate}
        if self.before is not None and event.seconds > self.before.seconds:
            done = event.units - self.before.units
            values["units_per_second"] = done / (event.seconds - self.before.seconds)
        self.before = event
        return values | {f"part/{name}": float(value) for name, value in event.parts.items()}


def _of_evaluation(event: Event) -> dict[str, float]:
    parts = {f"held_out/{name}": float(value) for name, value in event.parts.items()}
    return {"held_out/loss": event.loss} | parts
