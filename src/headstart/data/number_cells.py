"""Where cells of a table become numbers, also those with decimal commas or commas between thousands."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from headstart.data.columns import cell
from headstart.data.labels import clean_label
from headstart.data.task_files import Unusable

_COMMA = re.compile(r"[+-]?\d+,\d+")  # either way
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_EUROPEAN = re.compile(r"[+-]?\d{1,3}([.\u00a0\u202f' ]\d{3})+,\d+")


def number_cell(value: Any) -> float | str:
    """Return the number in a cell, or the text of one with a comma, which only its column explains (`settled`).

    Raises Unusable: there is none, it is not finite.
    """
    written = clean_label(cell(value) or "").replace("\u2212", "-")
    if not written:
        raise Unusable("no number")
    if any(form.fullmatch(written) for form in (_COMMA, _THOUSANDS, _EUROPEAN)):
        return written
    try:
        number = float(written)
    except ValueError:
        raise Unusable("not a number", f"'{written[:40]}'") from None
    if not math.isfinite(number):
        raise Unusable("not a finite number", f"'{written[:40]}'")
    return number


def settled(cells: Sequence[float | str]) -> tuple[list[float], str]:
    """Return the numbers of a column of `number_cell` and what is to be said of its commas, '' for none.

    A comma is that of decimals as soon as one cell shows it: other than three digits after it, more than three or a
    zero before it. Without such a cell commas stand between thousands.
    """
    texts = [one for one in cells if isinstance(one, str)]
    decimals = next((one for one in texts if not _THOUSANDS.fullmatch(one) or one.lstrip("+-").startswith("0")), None)
    numbers = [one if isinstance(one, float) else _number(one, decimals is not None) for one in cells]
    if not texts:
        return numbers, ""
    shown = decimals or texts[0]
    what = "decimal commas" if decimals else "commas between thousands"
    return numbers, f"numbers with {what}: '{shown}' is {_number(shown, decimals is not None):g}"


def _number(text: str, decimal_comma: bool) -> float:
    if not decimal_comma or ("," in text and "." in text and text.index(",") < text.index(".")):
        return float(text.replace(",", ""))
    whole, _, rest = text.rpartition(",")
    return float(re.sub(r"[.\u00a0\u202f' ]", "", whole) + "." + rest)
