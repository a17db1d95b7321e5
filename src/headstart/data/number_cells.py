"""Where cells of a table become numbers, also those with decimal commas or commas between thousands."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from headstart.data.columns import cell
from headstart.data.labels import clean_label, is_missing
from headstart.data.task_files import Unusable

_COMMA = re.compile(r"[+-]?\d+,\d+")  # either way
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")  # either way too
_EUROPEAN = re.compile(r"[+-]?\d{1,3}([.\u00a0\u202f' ]\d{3})+,\d+")
_CODES = frozenset((-1.0, -9.0, -99.0, -999.0, -9999.0))  # of a missing value, beside numbers that are not negative
_FEWEST = 3  # other numbers beside a code


def number_cell(value: Any) -> float | str:
    """Return the number in a cell, or the text of one with a comma, which only its column explains (`settled`).

    Raises Unusable: there is none, it is not finite.
    """
    written = clean_label(cell(value) or "").replace("\u2212", "-")
    if not written:
        raise Unusable("no number")
    if isinstance(value, str) and any(form.fullmatch(written) for form in (_COMMA, _THOUSANDS, _EUROPEAN, _POINTS)):
        return written
    try:
        number = float(written)
    except ValueError:
        raise Unusable("not a number", f"'{written[:40]}'", lost=not is_missing(value)) from None
    if not math.isfinite(number):
        raise Unusable("not a finite number", f"'{written[:40]}'")
    return number


def settled(cells: Sequence[float | str]) -> tuple[list[float], list[str]]:
    """Return the numbers of a column of `number_cell` and what is to be said of its commas and points.

    A comma is that of decimals as soon as one cell shows it: other than three digits after it, more than three or a
    zero before it. Without such a cell commas stand between thousands. Points stand between thousands beside decimal
    commas, and where one cell has several.
    """
    texts = [one for one in cells if isinstance(one, str)]
    commas = [one for one in texts if "," in one]
    decimals = next((one for one in commas if not _THOUSANDS.fullmatch(one) or one.lstrip("+-").startswith("0")), None)
    points = [one for one in texts if "," not in one]
    several = next((one for one in points if one.count(".") > 1), None)
    grouped = bool(points) and (decimals or several) is not None
    numbers = [one if isinstance(one, float) else _number(one, decimals is not None, grouped) for one in cells]
    told = []
    if commas:
        shown, what = decimals or commas[0], "decimal commas" if decimals else "commas between thousands"
        told.append(f"numbers with {what}: '{shown}' is {_number(shown, decimals is not None, grouped):g}")
    if points and (grouped or len(points) == sum(isinstance(one, str) or not one.is_integer() for one in cells)):
        what = "points between thousands" if grouped else "decimal points, as all that have one could be"
        told.append(f"numbers with {what}: '{points[0]}' is {_number(points[0], False, grouped):.10g}")
    return numbers, told


def missing_code(numbers: Sequence[float]) -> float | None:
    """Return the number that stands for a missing value: -1, -9, -99 ... below numbers that are all at least 0."""
    lowest = min(numbers, default=0.0)
    others = {one for one in numbers if one != lowest}
    return lowest if lowest in _CODES and len(others) >= _FEWEST and min(others) >= 0 else None


def _number(text: str, decimal_comma: bool, grouped: bool) -> float:
    if "," not in text:
        return float(text.replace(".", "") if grouped else text)
    if not decimal_comma or ("." in text and text.index(",") < text.index(".")):
        return float(text.replace(",", ""))
    whole, _, rest = text.rpartition(",")
    return float(re.sub(r"[.\u00a0\u202f' ]", "", whole) + "." + rest)
