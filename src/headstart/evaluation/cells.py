"""The durable store of finished cells: one file of arrays and one JSON line each, so that a rerun continues."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from headstart.base.files import disk_error, sync_folder, write_bytes
from headstart.evaluation.study import Cell

_PLAIN = ("row", "size", "draw", "score", "seconds", "allowed", "notes", "receipt")


class CellStore:
    """Finished cells in `folder`, found again by their identity."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = folder / "cells.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._found = {entry["key"]: entry for entry in self._read()}
        self._torn = self.lines.exists() and self.lines.read_bytes()[-1:] not in (b"", b"\n")

    def _read(self) -> Iterable[dict[str, Any]]:
        """Yield whole entries; a line torn by a crash is passed over, its cell is computed again."""
        if not self.lines.exists():
            return
        for line in self.lines.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError):
                continue
            if isinstance(entry, dict) and "key" in entry:
                yield entry

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The lines of the finished cells; of a cell that was made twice the later one."""
        return list(self._found.values())

    def get(self, identity: str, rows: int) -> Cell | None:
        """Return the finished cell of that identity, or None when there is none or its predictions are damaged."""
        entry = self._found.get(identity)
        if entry is None:
            return None
        try:
            data = self._arrays(identity).read_bytes()
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                return None
            arrays = load(data)
            if any(array.shape != (rows,) for array in arrays.values()):
                return None
            return Cell(**{name: entry[name] for name in _PLAIN}, **arrays)
        except (OSError, KeyError, TypeError, SafetensorError):
            return None

    def put(self, identity: str, cell: Cell) -> None:
        """Make a cell durable: arrays first, then its line. Raises HeadstartError: the disk refuses."""
        kinds = {"predicted_N": np.uint16, "confidence_N": np.float16, "likelihood_N": np.float16}
        kept = {name: getattr(cell, name) for name in kinds if getattr(cell, name) is not None}
        data = save({name: np.ascontiguousarray(array, kinds[name]) for name, array in kept.items()})
        entry = cell.facts() | {"key": identity, "sha256": hashlib.sha256(data).hexdigest()}
        line = json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"
        try:
            write_bytes(self._arrays(identity), data)
            with open(self.lines, "ab") as out:
                out.write((b"\n" if self._torn else b"") + line)
                out.flush()
                os.fsync(out.fileno())
            sync_folder(self.folder)
        except OSError as error:
            raise disk_error(self.folder, error) from None
        self._torn = False
        self._found[identity] = entry

    def _arrays(self, identity: str) -> Path:
        return self.folder / f"{identity}.safetensors"
