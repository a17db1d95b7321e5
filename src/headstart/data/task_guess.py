"""Guessing the task of labelled rows from the contents of their columns."""

from __future__ import annotations

from headstart.core import registry
from headstart.data.columns import check_column, columns_of
from headstart.data.open import as_paths
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import first_rows

DEFAULT = "classify"


def guess_task(request: ReadRequest) -> tuple[str, str]:
    """Return (task, why) from the first rows of the first file and the columns that are named.

    Rows that no other task recognises are for task classify. Raises HeadstartError: a file that cannot be read, no such
    column.
    """
    rows = first_rows(request.paths)
    for what, column in (("text", request.text), ("label", request.label), ("text2", request.text2)):
        if column is not None:
            check_column(what, column, columns_of(rows), str(as_paths(request.paths)[0]))
    for name in registry.names("task"):
        if name != DEFAULT and (why := registry.load("task", name)().recognises(rows, request)):
            return name, why
    return DEFAULT, "the default"
