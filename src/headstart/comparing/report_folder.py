"""The folder of a report: what is compared on opening, and its manifest while cells are added.

REPORT/report.html      REPORT/report.json      REPORT/inputs.json, paths of this machine      REPORT/audit.json
REPORT/exhibits.json, REPORT/exhibits.png, what the page shows of the data
REPORT/screening.json, finalists and questions; of a crossing screening-0.json and so on, one per part
REPORT/winner, a task model with a manifest of its own
REPORT/queue, while several workers compare (`work_queue.py`)
REPORT/cells/cells.jsonl, one line per cell      REPORT/cells/KEY.safetensors      REPORT/manifest.json
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.core.files import left_behind, make_folder
from headstart.core.json_files import read_json
from headstart.core.manifest import FOREIGN, HARMLESS, MANIFEST, MISSING, Fault, damage, faults, read_manifest, seal

CELLS, QUEUE = "cells", "queue"
INPUTS, REPORT, PAGE = "inputs.json", "report.json", "report.html"
EXHIBITS, SHEET = "exhibits.json", "exhibits.png"
_ANSWERS = re.compile(rf"{CELLS}/[0-9a-f]{{24}}\.\w+")


@dataclass(frozen=True)
class ReportFolder:
    """The files of one report."""

    path: Path

    def need_intact(self, say: Callable[[str], None] | None = None) -> None:
        """Raise HeadstartError, one line, when a file is not as listed.

        say: given where cells can be made again; damaged or missing answers of a cell are then told there instead.
        """
        found = self._faults()
        if say is not None:
            for fault in [fault for fault in found if _ANSWERS.fullmatch(fault.name) and fault.what != FOREIGN]:
                say(f"warning: {fault}; the cell is made again")
                found.remove(fault)
            for name in left_behind(self.path):
                say(f"warning: {self.path / name}: {HARMLESS}")
        if found:
            raise damage(self.path, "report", found)

    def _faults(self) -> list[Fault]:
        """Return every file that is not as listed; a report of format 1 has no manifest."""
        if (self.path / MANIFEST).is_file():
            return faults(self.path, "report")
        known = [read_json(self.path / name) for name in (INPUTS, REPORT) if (self.path / name).is_file()]
        listed = any(isinstance(data, dict) and data.get("format", 1) != 1 for data in known)
        return [Fault(MANIFEST, MISSING)] if listed else []

    def begin(self) -> None:
        """Say in the manifest that files are going to be added or replaced; to be called before the first of them."""
        make_folder(self.path / CELLS)
        if not (self.path / MANIFEST).is_file() or not read_manifest(self.path)["growing"]:
            seal(self.path, "report", growing=True)

    def put(self, changed: Mapping[str, bytes]) -> None:
        """Write or replace files while the report grows; the manifest lists them. Raises OSError."""
        make_folder(self.path / CELLS)
        seal(self.path, "report", growing=True, changed=changed)

    def end(self, changed: Mapping[str, bytes]) -> None:
        """Write the report's page and data, and the manifest of all files. Raises OSError."""
        seal(self.path, "report", changed=changed)
