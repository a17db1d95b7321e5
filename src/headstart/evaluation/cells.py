"""The durable store of finished cells: one .npy of predictions and one JSON line each, so that a rerun continues."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from headstart.base.examples import Examples
from headstart.base.files import sync_folder, write_bytes
from headstart.evaluation.study import Cell


def data_identity(examples: Examples) -> str:
    """Return a SHA-256 over texts, labels and class names, in their order."""
    digest = hashlib.sha256(json.dumps(examples.classes, ensure_ascii=False).encode())
    for texts in (examples.first, examples.second or ()):
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        digest.update(b"\0end")
    if examples.labels is not None:
        digest.update(np.asarray(examples.labels, "<i8").tobytes())
    return digest.hexdigest()


def key(parts: dict[str, Any]) -> str:
    """Return the identity of a cell: 24 hexadecimal digits of the SHA-256 of everything its result depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]


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

    def get(self, identity: str, rows: int) -> Cell | None:
        """Return the finished cell of that identity, or None when there is none or its predictions are damaged."""
        entry = self._found.get(identity)
        if entry is None:
            return None
        try:
            data = (self.folder / f"{identity}.npy").read_bytes()
            predicted_N = np.load(io.BytesIO(data), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if hashlib.sha256(data).hexdigest() != entry["sha256"] or predicted_N.shape != (rows,):
            return None
        names = ("row", "size", "draw", "score", "seconds", "allowed", "notes")
        return Cell(**{name: entry[name] for name in names}, predicted_N=predicted_N)

    def put(self, identity: str, cell: Cell) -> None:
        """Make a cell durable: predictions first, then its line. Raises OSError."""
        stream = io.BytesIO()
        np.save(stream, cell.predicted_N.astype(np.uint16), allow_pickle=False)
        data = stream.getvalue()
        write_bytes(self.folder / f"{identity}.npy", data)
        entry = {name: value for name, value in vars(cell).items() if name != "predicted_N"}
        entry |= {"key": identity, "sha256": hashlib.sha256(data).hexdigest()}
        line = json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"
        with open(self.lines, "ab") as out:
            out.write((b"\n" if self._torn else b"") + line)
            out.flush()
            os.fsync(out.fileno())
        sync_folder(self.folder)
        self._torn = False
        self._found[identity] = entry
