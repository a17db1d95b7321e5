"""Numbers as a reader sees them, the same in every language: scores, differences, intervals, shares, counts."""

from __future__ import annotations

import math
from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """Return names with commas between them."""
    return ", ".join(names)


def places(best: float) -> int:
    """Return how many digits of a score stand after the point: 3 where the best score is 1, 1 where it is 100."""
    return max(3 - round(math.log10(best)), 1)


def number(value: float, digits: int = 3) -> str:
    """Return a score as `.812` or `−.012`, on a scale of 100 as `8.1` or `0.9`; a dash for not-a-number."""
    if math.isnan(value):
        return "–"
    text = f"{abs(value):.{digits}f}"
    bare = digits > 1 and text.startswith("0.")
    return ("−" if round(value, digits) < 0 else "") + (text[1:] if bare else text)


def signed(value: float, digits: int = 3) -> str:
    """Return a difference as `+.057` or `−.012`; a dash for not-a-number."""
    if math.isnan(value):
        return "–"
    return ("" if round(value, digits) < 0 else "+") + number(value, digits)


def with_interval(value: float, low: float, high: float, limits: tuple[float, float] = (0.0, 1.0)) -> str:
    """Return a score with its interval as `.812 [.790, .834]`, without an interval where `low` is not-a-number.

    limits: the worst and the best score of the metric; the interval is cut off there.
    """
    digits = places(limits[1])
    if math.isnan(low):
        return number(value, digits)
    return f"{number(value, digits)} [{number(max(low, limits[0]), digits)}, {number(min(high, limits[1]), digits)}]"


def signed_with_interval(value: float, low: float, high: float, limits: tuple[float, float] = (0.0, 1.0)) -> str:
    """Return a difference as `+.057 [+.012, +.102]`, without an interval where `low` is not-a-number.

    limits: the worst and the best score of the metric; the interval is cut off where no two scores differ so much.
    """
    digits, most = places(limits[1]), limits[1] - limits[0]
    if math.isnan(low):
        return signed(value, digits)
    return f"{signed(value, digits)} [{signed(max(low, -most), digits)}, {signed(min(high, most), digits)}]"


def percent(share: float) -> str:
    """Return a share in whole per cent as `4 %`, below one per cent as `<1 %`."""
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "<1 %"


def percent_tenths(share: float) -> str:
    """Return a share in tenths of a per cent as `12.3 %`."""
    return f"{100 * share:.1f} %"


def two_digits(value: float, limits: tuple[float, float] = (0, math.inf)) -> str:
    """Return a count rounded to two leading digits, as `1,300`: an estimate is not known more exactly.

    limits: what was measured; rounding never leads out of it.
    """
    unit = 10 ** max(len(str(round(value))) - 2, 0)
    return f"{min(max(round(value / unit) * unit, limits[0]), limits[1]):,}"
