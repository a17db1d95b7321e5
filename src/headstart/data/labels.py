"""Where a cell of a table becomes a label: the name of a class, or a number."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from headstart.core.errors import nearest
from headstart.data.columns import cell
from headstart.data.task_files import Unusable


def parse_label(value: Any, allowed: Collection[str] | None = None) -> str:
    """Return the name of the class in a cell. Raises Unusable: an empty cell, a name that is not among `allowed`."""
    found = clean_label(cell(value) or "")
    if not found:
        raise Unusable("no label")
    if allowed is not None and found not in allowed:
        some = sorted(allowed)
        known = nearest(found, some) or f"; known: {', '.join(some[:10])}"
        raise Unusable("unknown label", f"'{found[:40]}'{known}")
    return found


def parse_number(value: Any) -> float:
    """Return the number in a cell. Raises Unusable: there is none, it is not finite."""
    written = (cell(value) or "").strip()
    if not written:
        raise Unusable("no number")
    try:
        number = float(written)
    except ValueError:
        raise Unusable("not a number", f"'{written[:40]}'") from None
    if not math.isfinite(number):
        raise Unusable("not a finite number", f"'{written[:40]}'")
    return number


def clean_label(name: str) -> str:
    """Return the name of a class in NFC, without space around it."""
    return unicodedata.normalize("NFC", name).strip()


def sort_classes(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the different labels, by value when all are numbers, else by code point."""
    found = sorted(set(labels))
    try:
        values = {name: float(name) for name in found}
    except ValueError:
        return tuple(found)
    return tuple(sorted(found, key=values.__getitem__)) if all(map(math.isfinite, values.values())) else tuple(found)
