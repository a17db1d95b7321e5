"""The durable store of finished cells: a file of answers and one JSON line each, so that a rerun continues.

CELLS/cells.jsonl: a line per cell      CELLS/KEY.safetensors: answers that are classes or numbers
CELLS/KEY.jsonl: other answers, one JSON value per test row
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from headstart.comparing.report_folder import ReportFolder
from headstart.core import migration, registry
from headstart.core.errors import HeadstartError
from headstart.core.files import make_folder, may_write, sync_file, sync_folder, write_bytes, writing
from headstart.core.json_files import parsed_json
from headstart.core.report_files import CellLine
from headstart.statistics.study import Cell

_FACTS = ("entry", "size", "draw", "score", "seconds", "allowed", "notes", "receipt")
_ANSWERS = {np.dtype(np.uint16): "predicted_N", np.dtype(np.float32): "numbers_N"}  # names in a file by kind of answer
_PROBABILITIES = ("confidence_N", "likelihood_N")


class CellStore:
    """Finished cells in `folder`, found again by their key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "cells.jsonl"
        make_folder(folder)
        self._found = {line["key"]: line for line in self._read()}
        self._torn = self._file.exists() and self._file.read_bytes()[-1:] not in (b"", b"\n")

    def _read(self) -> Iterable[dict[str, Any]]:
        """Yield whole lines; a line torn by a crash is passed over, its cell is made again."""
        if not self._file.exists():
            return
        for number, written in enumerate(self._file.read_bytes().splitlines(), start=1):
            try:
                line = parsed_json(written)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and "key" in line:
                migrate = partial(migration.cell, complete=with_defaults)
                cell = migration.typed(f"{self._file}, line {number}", line, migrate, CellLine)
                yield cell | {"score": math.nan if cell["score"] is None else cell["score"]}

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of the finished cells; of a cell that was made twice the later line."""
        return list(self._found.values())

    def get(self, key: str, rows: int) -> Cell | None:
        """Return the finished cell with that key, or None when there is none or its answers are damaged.

        rows: the number of test rows.
        """
        line = self._found.get(key)
        if line is None:
            return None
        try:
            data = (self.folder / _name_of(line)).read_bytes()
            if hashlib.sha256(data).hexdigest() != line["sha256"]:
                return None
            kept = _from_json_lines(data) if line["answers"].endswith(".jsonl") else _from_tensors(data)
            if any(len(part) != rows for part in kept.values()):
                return None
            return Cell(**{name: line[name] for name in _FACTS}, **kept)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError):
            return None

    def put(self, key: str, cell: Cell) -> None:
        """Make a cell durable: answers first, then its line. Raises HeadstartError: the disk refuses."""
        self.add(self.write_answers(key, cell))

    def write_answers(self, key: str, cell: Cell) -> dict[str, Any]:
        """Write the answers of a cell and return its line, which makes it a finished one once it is added.

        Raises HeadstartError: the disk refuses.
        """
        name, data = _to_file(key, cell)
        line = {"format": migration.FORMAT} | cell.facts()
        line |= {"key": key, "answers": name, "sha256": hashlib.sha256(data).hexdigest()}
        ReportFolder(self.folder.parent).begin()
        write_bytes(self.folder / name, data)
        return line

    def add(self, line: dict[str, Any]) -> None:
        """Add the line of a cell whose answers are written. One process at a time may do so.

        Raises HeadstartError: the disk refuses.
        """
        written = json.dumps(_finite(line), ensure_ascii=False, default=str).encode() + b"\n"
        may_write(self._file)
        with writing(self._file, need=len(written)):
            torn, self._torn = self._torn, True
            with open(self._file, "ab") as out:
                if torn:
                    self._mend(out)
                out.write(written)
                sync_file(out)
            sync_folder(self.folder)
        self._torn = False
        self._found[line["key"]] = line

    def _mend(self, out: BinaryIO) -> None:
        """End a last line that is whole, and cut off a torn one: other programs read the file line by line too."""
        data = self._file.read_bytes()
        last = data[data.rfind(b"\n") + 1 :]
        try:
            parsed_json(last)
        except (ValueError, RecursionError):
            out.truncate(len(data) - len(last))
        else:
            out.write(b"\n")


def _finite(value: Any) -> Any:
    """Return JSON data in which numbers that are not finite, which JSON has not, are null."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _name_of(line: dict[str, Any]) -> str:
    """Return the name of the file of a cell's answers. Raises ValueError: it lies elsewhere."""
    if Path(line["answers"]).name != line["answers"]:
        raise ValueError
    return line["answers"]


def with_defaults(route: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a route with the defaults of those that are not named."""
    try:
        return registry.build_spec("route", route).to_dict()
    except HeadstartError:  # a route that is not installed
        return route


def _to_file(key: str, cell: Cell) -> tuple[str, bytes]:
    """Return the name and the bytes of the file of a cell's answers."""
    if not isinstance(cell.answers, np.ndarray):
        lines = [json.dumps(answer, ensure_ascii=False) + "\n" for answer in cell.answers]
        return f"{key}.jsonl", "".join(lines).encode()
    tensors = {_ANSWERS[cell.answers.dtype]: cell.answers}
    for name, array_N in zip(_PROBABILITIES, (cell.confidence_N, cell.likelihood_N)):
        if array_N is not None:
            tensors[name] = array_N.astype(np.float16)
    return f"{key}.safetensors", save({name: np.ascontiguousarray(array_N) for name, array_N in tensors.items()})


def _from_json_lines(data: bytes) -> dict[str, Any]:
    return {"answers": [parsed_json(line) for line in data.splitlines()]}


def _from_tensors(data: bytes) -> dict[str, Any]:
    """Return the parts of a cell in a file of tensors. Raises ValueError: there are no answers."""
    tensors = load(data)
    (answers,) = (tensors[name] for name in _ANSWERS.values() if name in tensors)
    return {"answers": answers} | {name: tensors[name] for name in _PROBABILITIES if name in tensors}
