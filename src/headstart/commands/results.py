"""What the results of verbs have in common: rows as a data frame, a short repr, a table in notebooks, their folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from headstart.core.spoken import spoken

_REPR_LINES, _REPR_WIDTH = 3, 100


class TableResult(ABC):
    """A result with rows. A subclass says what they are (`rows_of_result`) and what a reader is told (`told`)."""

    @abstractmethod
    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return the rows, columns by name."""

    @abstractmethod
    def told(self) -> list[str]:
        """Return what is said of the result, a sentence or figure a line, the most important first."""

    def shown_rows(self) -> list[dict[str, Any]]:
        """Return the rows of which a notebook shows the first."""
        return self.rows_of_result()

    def picture(self) -> dict[str, Any] | None:
        """Return a loss curve to show below the table (`reporting/loss_curve.py`), or None."""
        return None

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame. Raises HeadstartError: pandas is not installed."""
        from headstart.reporting.result import frame

        return frame(self.rows_of_result())

    def __repr__(self) -> str:
        """Return at most three short lines."""
        said = [spoken(one) for one in self.told()[:_REPR_LINES]]
        lines = [one if len(one) <= _REPR_WIDTH else one[: _REPR_WIDTH - 1] + "…" for one in said]
        return f"<headstart {type(self).__name__}: " + "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from headstart.commands.session import pick_language
        from headstart.reporting.result import table_html

        language = pick_language("auto")
        told = [spoken(one, language) for one in self.told()]
        return table_html(told, self.shown_rows(), self.picture(), language)


class InFolder:
    """A result that stands for its folder: every verb takes it in place of a path (PEP 519)."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)
