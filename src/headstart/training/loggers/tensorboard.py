"""Event files for TensorBoard, one folder for each curve (needs `pip install headstart[tensorboard]`)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.core.curves import CurveWriter
from headstart.core.errors import HeadstartError
from headstart.core.files import writing
from headstart.core.spec import LoggerSpec

FOLDER = "tensorboard"


@dataclass(frozen=True, kw_only=True)
class TensorBoard(LoggerSpec):
    """Curves that `tensorboard --logdir` draws; each fit is one of its runs."""

    def open(self, folder: Path) -> CurveWriter:
        """See `LoggerSpec.open`."""
        try:
            import tensorboard  # noqa: F401 (torch's own message tells less)
        except ImportError:
            raise HeadstartError(
                "--log tensorboard: its package is not installed: pip install 'headstart[tensorboard]'"
            ) from None
        return _EventFiles(folder / FOLDER)


class _EventFiles(CurveWriter):
    """A thread of tensorboard writes; what the disk refuses it, the next call raises, and the thread says nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.writer = folder, None
        self.others = threading.excepthook

    def _quiet(self, told: threading.ExceptHookArgs) -> None:
        if not isinstance(told.exc_value, OSError):
            self.others(told)

    def begin(self, curve: str, step: int) -> Mapping[str, int]:
        """See `CurveWriter.begin`: later steps stay in the older file, whose readers are told to pass them over."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        home = self.folder / curve
        before = _last_steps(home, step)
        goes_on = home.is_dir() and any(home.iterdir())
        self.others, threading.excepthook = threading.excepthook, self._quiet
        with writing(home):
            self.writer = SummaryWriter(str(home), purge_step=step + 1 if goes_on else None, flush_secs=5)
        return before

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """See `CurveWriter.write`."""
        with writing(self.folder):
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See `CurveWriter.close`. Raises DiskError: not all was written."""
        if self.writer is not None:
            writer, self.writer = self.writer, None
            try:
                with writing(self.folder):
                    writer.close()
            finally:
                threading.excepthook = self.others


def _last_steps(home: Path, step: int) -> dict[str, int]:
    """Return the last step up to `step` of every scalar in the event files of a curve."""
    if not home.is_dir():
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(home), size_guidance={"scalars": 0})
    found.Reload()
    steps = {name: [one.step for one in found.Scalars(name) if one.step <= step] for name in found.Tags()["scalars"]}
    return {name: max(some) for name, some in steps.items() if some}
