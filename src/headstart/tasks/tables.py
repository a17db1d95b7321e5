"""What the tasks share that are read from tables: the one signature of `read`, and what it was asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.base.examples import Examples
from headstart.data.ledger import Ledger
from headstart.data.task_files import Columns


@dataclass(frozen=True)
class Asked:
    """paths: the files; named: the columns that the user named; remembered: those of the training files; classes: the
    labels of the training files, None = those found."""

    paths: str | Path | Sequence[str | Path]
    named: Columns
    remembered: Mapping[str, str | None] | None
    classes: Sequence[str] | None


class FromTables(ABC):
    """A task whose rows are rows of tables; it says how by `gather`."""

    def read(
        self,
        paths: str | Path | Sequence[str | Path],
        text: str | None = None,
        label: str | None = None,
        text2: str | None = None,
        classes: Sequence[str] | None = None,
        group: str | None = None,
        remembered: Mapping[str, str | None] | None = None,
    ) -> tuple[Examples, Ledger, list[str]]:
        """Return (examples, ledger, notes) of labelled files; see `gather`, and `read_labelled` for the columns."""
        examples, ledger = self.gather(Asked(paths, Columns(text, text2, label, group), remembered, classes))
        return examples, ledger, ledger.notes

    @abstractmethod
    def gather(self, asked: Asked) -> tuple[Examples, Ledger]:
        """Return (examples, ledger). Raises HeadstartError: no such column, no usable row."""
