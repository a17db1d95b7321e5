"""A workbook in memory, as a spreadsheet saves it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import openpyxl


def workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    """The bytes of an .xlsx file with one sheet of these rows."""
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(list(row))
    book.save(stream)
    return stream.getvalue()
