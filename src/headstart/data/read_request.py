"""What is to be read: the files of a task, the columns that are named, and what the training files were like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.data.open import as_paths, called


@dataclass(frozen=True, kw_only=True)
class ReadRequest:
    """The rows of a table that a user asks for; `TaskSpec.read_examples` answers it.

    paths: files, folders, or - for standard input. text, text2, label, group: names of columns; None = text and label
    are guessed and noted, a second text and groups are not there. remembered: the columns of the training files
    (`Ledger.columns`), used where a file has them and no other column is named. classes: the label names to index by,
    those of the training files; None = those found. task: what is asked of the rows (`headstart list task`).
    """

    paths: str | Path | Sequence[str | Path]
    text: str | None = None
    text2: str | None = None
    label: str | None = None
    group: str | None = None
    remembered: Mapping[str, str | None] | None = None
    classes: Sequence[str] | None = None
    task: str = "classify"


def read_labelled_rows(request: ReadRequest, say: Callable[[str], None]) -> tuple[Examples, dict[str, Any]]:
    """Return (examples, ledger as plain data) and say what was read, guessed and skipped.

    `files` of the ledger are the names of the files, `columns` the columns that were used. Raises HeadstartError:
    unknown task, no such column, no usable row.
    """
    examples, ledger = registry.load("task", request.task)().read_examples(request)
    names = [called(path) for path in as_paths(request.paths)]
    for note in ledger.notes:
        say(note)
    say(f"{', '.join(names)}: {ledger.summary()}")
    return examples, {"files": names, "columns": dict(ledger.columns), **ledger.to_dict()}
