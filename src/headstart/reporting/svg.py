"""Places in a picture: scales, ticks, text that does not overlap."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

FONT = 12  # px
COLOURS = 7  # --c0 .. --c6 in the page's style: Okabe and Ito's palette without its yellow


@dataclass(frozen=True)
class Scale:
    """Maps data values low..high to pixels start..end; `log` for positive values."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = math.log(value) if self.log else value
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def inside(self, value: float) -> float:
        """Return the place of a value, of one beyond the ends that of the end."""
        return self(min(max(value, self.low), self.high))


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values within [low, high], roughly `about` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def text_width(text: str, size: float = FONT) -> float:
    """Return a cautious guess of a text's width in px; wide (Korean, Chinese, Japanese) characters count one em."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" or c in "mwMW@%" else 0.58 for c in text)


def shorten(text: str, longest: float, size: float = FONT) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `longest` px."""
    if text_width(text, size) <= longest:
        return text
    while text and text_width(text + "…", size) > longest:
        text = text[:-1]
    return text + "…"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions near `wanted`, in the same order, at least `gap` apart and within [low, high] where they fit."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    placed: list[float] = []
    for index in order:
        placed.append(max(wanted[index], placed[-1] + gap if placed else low))
    for position in range(len(placed) - 1, -1, -1):
        limit = placed[position + 1] - gap if position + 1 < len(placed) else high
        placed[position] = min(placed[position], limit)
    out = [0.0] * len(wanted)
    for index, value in zip(order, placed):
        out[index] = value
    return out
