"""A plain table, curves.csv: a line for each scalar at a step, for a spreadsheet or pandas."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.core.curves import CurveWriter
from headstart.core.disk_errors import DiskFull
from headstart.core.files import AppendedFile, whole_lines, write_bytes
from headstart.core.spec import LoggerSpec

FILE = "curves.csv"
_COLUMNS = ("curve", "step", "scalar", "value")


@dataclass(frozen=True, kw_only=True)
class CsvTable(LoggerSpec):
    """All curves in one table with the columns curve, step, scalar and value."""

    def open(self, folder: Path) -> CurveWriter:
        """See `LoggerSpec.open`."""
        return _Table(folder / FILE)


class _Table(CurveWriter):
    def __init__(self, path: Path) -> None:
        self.path, self.curve, self.waiting = path, "", b""

    def begin(self, curve: str, step: int) -> Mapping[str, int]:
        """See `CurveWriter.begin`: the table is written anew without the later steps and without a torn last line."""
        self.curve = curve
        kept = [row for row in self._rows() if row[0] != curve or int(row[1]) <= step]
        write_bytes(self.path, _lines([_COLUMNS, *kept]).encode())
        return {scalar: int(at) for name, at, scalar, _ in kept if name == curve}

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """See `CurveWriter.write`."""
        self.waiting += _lines([(self.curve, step, name, repr(value)) for name, value in values.items()]).encode()
        with contextlib.suppress(DiskFull):  # no reason to end what is logged: the rows wait for room
            self._append()

    def close(self) -> None:
        """See `CurveWriter.close`. Raises DiskError: there never was room for the last rows."""
        self._append()

    def _append(self) -> None:
        if self.waiting:
            with contextlib.closing(AppendedFile(self.path)) as file:
                file.append(self.waiting)
            self.waiting = b""

    def _rows(self) -> list[list[str]]:
        """Return the whole lines of the table below its head."""
        rows = list(csv.reader(whole_lines(self.path)))[1:]
        return [row for row in rows if len(row) == len(_COLUMNS) and row[1].isdecimal()]


def _lines(rows: list[tuple] | list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
