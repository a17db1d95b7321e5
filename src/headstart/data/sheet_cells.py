"""Cells of a table to label by hand: guarded, so that a spreadsheet takes no text for a formula, and bare again."""

from __future__ import annotations

import re
from collections.abc import Sequence

FILE, LINE = "from_file", "from_line"  # columns by which such a table is known
_FORMULA = re.compile(r"'*[=+\-@]")


def is_sheet(columns: Sequence[str]) -> bool:
    """Whether a table with these columns was written to be labelled by hand, so that its cells are guarded."""
    return FILE in columns and LINE in columns


def guarded(text: str) -> str:
    """Return the text, behind an apostrophe where a spreadsheet would take it for a formula; see `unguarded`."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return what `guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
