"""Cells of text tables that write out lists or objects, as pandas saves them: spans, answers, tokens and tags."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from headstart.data.columns import sample_rows, shown_names, written_out
from headstart.data.ledger import Ledger
from headstart.data.row import Row
from headstart.data.token_cells import TAGS, TOKENS


def with_written(rows: Iterator[Row], ledger: Ledger) -> Iterator[Row]:
    """Yield the rows of a file; columns in which every cell writes out a list of lists or objects, or an object with
    lists, hold these, and so do columns of tokens and of their tags. Lists of names alone stay texts (`labels`).
    """
    head = sample_rows(rows)
    tables = [row.value for row in head if isinstance(row.value, dict)]
    columns = _columns(tables)
    if not columns:
        yield from chain(head, rows)
        return
    ledger.note(f"lists are read from the texts in {shown_names(columns)}", head[0].source)
    for row in chain(head, rows):
        if isinstance(row.value, dict):
            read = {name: _read(row.value[name]) for name in columns if name in row.value}
            found = {name: value for name, value in read.items() if value is not None}
            row = Row({**row.value, **found}, row.source, row.line)
        yield row


def _columns(tables: list[dict[str, Any]]) -> list[str]:
    found: dict[str, bool] = {}  # by name, whether the values are nested
    for name in dict.fromkeys(name for row in tables for name in row):
        cells = [row[name] for row in tables if row.get(name) not in (None, "")]
        if not cells or not all(isinstance(cell, str) and cell.strip()[:1] in "[{" for cell in cells):
            continue
        values = [_read(cell) for cell in cells]
        if all(value is not None for value in values):
            found[name] = any(map(_nested, values))
    words = any(name in TOKENS for name in found) and any(name in TAGS for name in found)
    return [name for name, nested in found.items() if nested or (words and name in (*TOKENS, *TAGS))]


def _read(cell: Any) -> Any:
    """Return the list or object that a text writes out as JSON or as Python does, or None."""
    if not isinstance(cell, str) or cell.strip()[:1] not in ("[", "{"):
        return None
    found = written_out(cell)
    return found if isinstance(found, list | dict) else None


def _nested(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    return any(isinstance(one, list | tuple | dict) for one in inner)
