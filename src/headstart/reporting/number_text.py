"""Numbers as a reader sees them, the same in every language: scores, differences, intervals, shares, counts."""

from __future__ import annotations

import math
from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """Return names with commas between them."""
    return ", ".join(names)


def number(value: float, digits: int = 3) -> str:
    """Return a score as `.812`; a dash for not-a-number."""
    if math.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def signed(value: float, digits: int = 3) -> str:
    """Return a difference as `+.057` or `−.012`; a dash for not-a-number."""
    if math.isnan(value):
        return "–"
    return ("−" if round(value, digits) < 0 else "+") + number(abs(value), digits)


def with_interval(value: float, low: float, high: float, limits: tuple[float, float] = (0.0, 1.0)) -> str:
    """Return a score with its interval as `.812 [.790, .834]`, without an interval where `low` is not-a-number.

    limits: the worst and the best score of the metric; the interval is cut off there.
    """
    if math.isnan(low):
        return number(value)
    return f"{number(value)} [{number(max(low, limits[0]))}, {number(min(high, limits[1]))}]"


def signed_with_interval(value: float, low: float, high: float) -> str:
    """Return a difference with its interval as `+.057 [+.012, +.102]`, without one where `low` is not-a-number."""
    return signed(value) + ("" if math.isnan(low) else f" [{signed(low)}, {signed(high)}]")


def percent(share: float) -> str:
    """Return a share in whole per cent as `4 %`, below one per cent as `<1 %`."""
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "<1 %"


def percent_tenths(share: float) -> str:
    """Return a share in tenths of a per cent as `12.3 %`."""
    return f"{100 * share:.1f} %"


def two_digits(value: float) -> str:
    """Return a count rounded to two leading digits, as `1,300`: an estimate is not known more exactly."""
    unit = 10 ** max(len(str(round(value))) - 2, 0)
    return f"{round(value / unit) * unit:,}"
