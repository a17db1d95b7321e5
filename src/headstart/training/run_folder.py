"""The folder of a pre-training run: which file lies where, what is compared on opening, in which order files change.

RUN/run.json        the resolved spec, ledger, notes, versions, status and result
RUN/processor/      RUN/processor.json, what it was made from      RUN/store/      RUN/metrics.jsonl
RUN/checkpoints/step-.../      RUN/manifest.json
RUN/seen.png        images as training shows them, of runs on images
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from headstart.core import migration, plugins
from headstart.core.artefact_files import ProcessorReceipt, RunFile
from headstart.core.errors import HeadstartError
from headstart.core.files import left_behind, remove_file, remove_folder, writing
from headstart.core.json_files import json_bytes, read_json, write_json
from headstart.core.manifest import HARMLESS, MANIFEST, MISSING, Fault, damage, faults, seal
from headstart.core.migration import part
from headstart.training.checkpoint import Checkpoints
from headstart.training.metrics_file import METRICS, metrics_until
from headstart.training.run_spec import RunSpec

RUN = "run.json"
PROCESSOR, RECEIPT, STORE, SEEN = "processor", "processor.json", "store", "seen.png"


def read_record(path: Path) -> RunFile:
    """Return a run.json, its spec compared with what a run can be. Raises HeadstartError: missing or damaged."""
    record = migration.read_versioned(path, migration.run)
    try:
        RunSpec.read(record["spec"])
    except HeadstartError as error:
        raise HeadstartError(f"{path}: {str(error).removeprefix('run.json: ')}") from None
    return record


def _unread_when_served(name: str) -> bool:
    """Whether only training reads a file of a run; checkpoints are compared when one is chosen."""
    return re.fullmatch(rf"{STORE}/.+|{METRICS}|{SEEN}|checkpoints/.+/(?!{MANIFEST}$).+", name) is not None


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def is_begun(self) -> bool:
        """Whether a run was started here."""
        return (self.path / RUN).is_file()

    @property
    def processor(self) -> Path:
        """The folder of the processor."""
        return part(self.path, PROCESSOR)

    @property
    def store(self) -> Path:
        """The folder of the token store, which runs from now on write."""
        return self.path / STORE

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints, which say of which run they are."""
        told = read_json(self.path / RUN) if self.is_begun else {}
        identity = told.get("identity") if isinstance(told, dict) else None
        return Checkpoints(self.path / "checkpoints", run=identity if isinstance(identity, str) else "")

    def record(self) -> RunFile:
        """Return run.json. Raises HeadstartError: missing or damaged, a plug-in that was not named."""
        plugins.need(self.path)
        return read_record(self.path / RUN)

    def made_from(self) -> ProcessorReceipt | None:
        """Return what the processor was made from; None when there is no processor that was saved to its end."""
        receipt = part(self.path, RECEIPT)
        if not receipt.is_file() or not self.processor.is_dir():
            return None
        return migration.read_versioned(receipt, migration.processor_receipt)

    def need_intact(self, beside: str = "", *, served: bool = False) -> None:
        """Raise HeadstartError, one line, when a file is not as listed; `newest` passes damaged checkpoints over.

        beside: a folder whose faults are left out. served: the model is used and not trained, see `newest`.
        """
        left_out = ("checkpoints/step-", *([f"{beside}/"] if beside else []))
        if found := [fault for fault in self._faults(served) if not fault.name.startswith(left_out)]:
            raise damage(self.path, "run", found)

    def newest(self, *, served: bool = False) -> tuple[Path | None, list[str]]:
        """Return (newest sound checkpoint or None, one line for every damaged, foreign or missing checkpoint).

        served: the model is used and not trained: of what only training reads (store, optimizer, metrics, checkpoints
        but the newest) the size is compared, not the content.
        """
        distrusted: dict[str, str] = {}
        for fault in self._faults(served):
            if found := re.match(r"checkpoints/(step-\d{9})(?:/(.+))?$", fault.name):
                distrusted.setdefault(found[1], f"{found[2] or found[1]} {fault.what}")
        newest, passed = self.checkpoints.newest(distrusted, served=served)
        behind = left_behind(self.path) if served and newest is not None else []
        return newest, passed + [f"{self.path / name}: {HARMLESS}" for name in behind]

    def _faults(self, served: bool) -> list[Fault]:
        """Return every file that is not as listed; a run of format 1 and one that never trained have no manifest."""
        if (self.path / MANIFEST).is_file():
            return faults(self.path, "run", _unread_when_served if served else None)
        if not self.is_begun or not self.checkpoints.steps():
            return []
        data = read_json(self.path / RUN)
        listed = isinstance(data, dict) and "format" in data and data["format"] != 1
        return [Fault(MANIFEST, MISSING)] if listed else []

    def forget_processor(self) -> None:
        """Remove the processor of a run without a checkpoint; what says how it was made goes first."""
        for name in (MANIFEST, RECEIPT, migration.OLD_PARTS[RECEIPT]):
            remove_file(self.path / name)
        for name in (PROCESSOR, migration.OLD_PARTS[PROCESSOR]):
            remove_folder(self.path / name)

    def begin(self, record: RunFile) -> None:
        """Write run.json and the manifest before training; a run of format 1 is in the new format from here on.

        The old names go first, while run.json still is of format 1: `part` finds a part under either name, so that the
        run can be opened after a kill at any step. Raises OSError.
        """
        for name in (PROCESSOR, RECEIPT, STORE):
            old = self.path / migration.OLD_PARTS[name]
            if not old.exists():
                continue
            if name == RECEIPT:
                write_json(self.path / RECEIPT, self.made_from())
                remove_file(old)
            elif (self.path / name).exists():  # made anew
                remove_folder(old)
            else:
                with writing(self.path / name):
                    os.replace(old, self.path / name)
        seal(self.path, "run", growing=True, changed={RUN: json_bytes(record)})

    def go_on_from(self, step: int) -> None:
        """Leave in metrics.jsonl what was told up to this step, in whole lines, while the run grows. Raises OSError.

        Through the manifest: it lists how the file begins, and a file that was cut short would be damage.
        """
        kept = metrics_until(self.path / METRICS, step)
        if kept is not None:
            seal(self.path, "run", growing=True, changed={METRICS: kept})

    def end(self, record: RunFile) -> None:
        """Write run.json and the manifest of all files after training. Raises OSError."""
        seal(self.path, "run", changed={RUN: json_bytes(record)})
