"""The rows in one JSON value: a list of objects, or one of the forms in which libraries write a whole table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.data.annotation_tools import trained_pairs

ROWS = ("data", "rows", "records", "examples", "instances", "items", "results")  # usual names of a list of rows

_ABOUT = ("version", "name", "title", "description", "source", "license", "licence", "language", "task")


def rows_of(value: Any) -> tuple[list[Any], str] | None:
    """Return (rows, how they were found), objects or texts; None where the value is no table.

    A list of objects or texts; an object that holds one such list; of pandas the forms `columns` (its default),
    `index` and `split`; lists of equal length by column, as of `datasets`; pairs of spaCy (`trained_pairs`).
    """
    if pairs := trained_pairs(value):
        return pairs, "pairs of a text and its annotations"
    if isinstance(value, list):
        return (value, "a list of rows") if value and all(isinstance(one, dict | str) for one in value) else None
    if not isinstance(value, dict) or not value:
        return None
    return _split(value) or _listed(value) or _by_column(value)


def _split(value: dict[str, Any]) -> tuple[list[Any], str] | None:
    names, data = value.get("columns"), value.get("data")
    if not (isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data)):
        return None
    return [dict(zip(map(str, names), row)) for row in data if len(row) == len(names)], "rows in lists, names apart"


def _listed(value: dict[str, Any]) -> tuple[list[Any], str] | None:
    found = [name for name, one in value.items() if isinstance(one, list) and one and isinstance(one[0], dict)]
    known = [name for name in ROWS if name in found]
    if not known and any(isinstance(one, str) and name not in _ABOUT for name, one in value.items()):
        return None  # a row with a list in it: {"text": ..., "entities": [...]}
    if not (name := known[0] if known else found[0] if len(found) == 1 else None):
        return None
    return (value[name], f"the rows in '{name}'") if all(isinstance(row, dict) for row in value[name]) else None


def _by_column(value: dict[str, Any]) -> tuple[list[Any], str] | None:
    columns = list(value.values())
    if all(isinstance(one, list) for one in columns) and len({len(one) for one in columns}) == 1:
        return [dict(zip(value, cells)) for cells in zip(*columns)], "a list of cells for each column"
    if not all(isinstance(one, dict) and one for one in columns):
        return None
    keys = [list(one) for one in columns]
    if any(one != keys[0] for one in keys) or any(
        isinstance(cell, dict | list) for one in columns for cell in one.values()
    ):
        return None
    if _numbered(keys[0]) and not _numbered(list(value)):
        return [{name: one[key] for name, one in value.items()} for key in keys[0]], "cells by row for each column"
    return columns, "rows by their index"


def _numbered(keys: Sequence[str]) -> bool:
    return all(key.lstrip("-").isdigit() for key in keys)
