"""Weights & Biases, one run of its own for each folder (needs `pip install headstart[wandb]`; WANDB_MODE=offline)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.curves import CurveWriter
from headstart.core.errors import HeadstartError
from headstart.core.files import make_folder
from headstart.core.json_files import read_json, write_json
from headstart.core.spec import LoggerSpec

STATE = "wandb.json"
_PROJECT = "headstart"
_APART = 1.1  # seconds between two starts


@dataclass(frozen=True, kw_only=True)
class WeightsAndBiases(LoggerSpec):
    """Curves in the project WANDB_PROJECT (else `headstart`), kept beside the run first; `wandb sync` sends them."""

    def open(self, folder: Path) -> CurveWriter:
        """See `LoggerSpec.open`."""
        try:
            import wandb
        except ImportError:
            raise HeadstartError("--log wandb: its package is not installed: pip install 'headstart[wandb]'") from None
        sends = os.environ.get("WANDB_MODE", "online") in ("online", "shared")
        if sends and not wandb.api.api_key:
            raise HeadstartError(
                "--log wandb: nobody is logged in; run `wandb login` once, or keep the curves on this machine with "
                "WANDB_MODE=offline"
            )
        return _Service(folder)


class _Service(CurveWriter):
    """One run of the service; its number and what it has been sent are kept beside, for the process that goes on.

    The service takes no point back. What a process that goes on computes again is the same as before or close to it, so
    the points of the first time stay.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run: Any = None
        self.curve, self.started = "", 0.0
        self.sent: dict[str, dict[str, int]] = {}

    def begin(self, curve: str, step: int) -> Mapping[str, int]:
        """See `CurveWriter.begin`: nothing can be dropped."""
        if self.run is None:
            self._start()
        self.curve = curve
        self.run.define_metric(f"{curve}/step", hidden=True)
        self.run.define_metric(f"{curve}/*", step_metric=f"{curve}/step")
        return self.sent.setdefault(curve, {})

    def _start(self) -> None:
        import wandb

        state = self.folder / STATE
        before = read_json(state) if state.is_file() else {}
        self.sent = before.get("sent", {})
        make_folder(self.folder)
        project = os.environ.get("WANDB_PROJECT", _PROJECT)
        quiet = wandb.Settings(console="off", save_code=False, disable_git=True)
        known = {"id": before["id"], "resume": "allow"} if before else {}
        # The folder of a run is named by its number and the second: within the same second it would be overwritten.
        time.sleep(min(max(before.get("started", 0.0) + _APART - time.time(), 0.0), _APART))
        self.started = time.time()
        name = self.folder.absolute().parent.name
        try:
            self.run = wandb.init(project=project, name=name, dir=str(self.folder), settings=quiet, **known)
        except wandb.errors.Error as error:
            raise HeadstartError(f"--log wandb: {error}; WANDB_MODE=offline keeps the curves on this machine") from None
        self._keep()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """See `CurveWriter.write`."""
        self.run.log({f"{self.curve}/{name}": value for name, value in values.items()} | {f"{self.curve}/step": step})
        self.sent[self.curve] |= dict.fromkeys(values, step)
        self._keep()

    def _keep(self) -> None:
        write_json(self.folder / STATE, {"id": self.run.id, "sent": self.sent, "started": self.started})

    def close(self) -> None:
        """See `CurveWriter.close`."""
        if self.run is not None:
            self.run.finish()
            self.run = None
