"""Guessing the task of labelled rows from the contents of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.columns import check_column, columns_of, label_columns
from headstart.data.open import as_paths
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import first_rows

DEFAULT = "classify"
_ANSWERS = ("answers", "answer", "entities", "spans", "ner_tags", "ner", "pos_tags", "annotations")


def guess_task(request: ReadRequest) -> tuple[str, str]:
    """Return (task, why) from the first rows of the first file and the columns that are named.

    Rows that no other task recognises are for task classify. Raises HeadstartError: a file that cannot be read, no such
    column.
    """
    rows = first_rows(request.paths)
    for what, column in (("text", request.text), ("label", request.label), ("text2", request.text2)):
        if column is not None:
            check = label_columns if what == "label" else partial(check_column, what)
            check(column, columns_of(rows), str(as_paths(request.paths)[0]))
    for name in registry.names("task"):
        if name != DEFAULT and (why := registry.load("task", name)().recognises(rows, request)):
            return name, why
    if request.label is None and (strange := _of_another_task(rows)):
        raise HeadstartError(
            f"{as_paths(request.paths)[0]}: '{strange}' holds {_kind(rows, strange)} of no form that is known for "
            "spans or answers; name the task with --task, or the column of the classes with --label"
        )
    return DEFAULT, "the default"


def _of_another_task(rows: Sequence[dict[str, Any]]) -> str | None:
    """Return a column of another task's answers, by its name and because its cells are lists or objects; or None."""
    names = [name for name in columns_of(rows) if name.casefold() in _ANSWERS]
    return next((name for name in names if any(isinstance(row.get(name), list | dict) for row in rows)), None)


def _kind(rows: Sequence[dict[str, Any]], name: str) -> str:
    return "objects" if any(isinstance(row.get(name), dict) for row in rows) else "lists"
