"""Which task labelled rows ask for, by what their columns hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headstart.base import registry
from headstart.data.columns import check_column, columns_of
from headstart.data.open import as_paths
from headstart.data.task_files import first_rows

USUAL = "classify"


def guess_task(paths: str | Path | Sequence[str | Path], named: dict[str, str | None]) -> tuple[str, str]:
    """Return (task, why) from the first rows of the first file; named: text, text2 and label as the user gave them.

    What no other task recognises is asked for its class. Raises HeadstartError: a file that cannot be read, no such
    column.
    """
    rows = first_rows(paths)
    for what, column in named.items():
        if column is not None:
            check_column(what, column, columns_of(rows), str(as_paths(paths)[0]))
    for name in registry.names("task"):
        if name != USUAL and (why := registry.load("task", name)().recognises(rows, named)):
            return name, why
    return USUAL, "the usual one"
