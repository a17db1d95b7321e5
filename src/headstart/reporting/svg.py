"""Small SVG pieces: scales, ticks, text that does not overlap. Colours are CSS variables set by the page."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

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


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten within [low, high]; powers of ten alone where that would be many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    return [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high] or [low]


def text_width(text: str, size: float = FONT) -> float:
    """Return a cautious guess of a text's width in px; wide (Korean, Chinese, Japanese) characters count one em."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in text)


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


def line(x1: float, y1: float, x2: float, y2: float, kind: str, style: str = "") -> str:
    """Return a straight line of CSS class `kind`."""
    extra = f' style="{style}"' if style else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"{extra}/>'


def path(points: Sequence[tuple[float, float]], kind: str, style: str = "", close: bool = False) -> str:
    """Return a polyline, or a closed area, of CSS class `kind`."""
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{steps}{" Z" if close else ""}" class="{kind}" style="{style}"/>'


def dot(x: float, y: float, style: str, radius: float = 4.0, title: str = "") -> str:
    """Return a circle; `title` is shown when the pointer rests on it."""
    told = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="{style}">{told}</circle>'


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "", style: str = "") -> str:
    """Return escaped text whose middle line is at `y`."""
    rest = (f' class="{kind}"' if kind else "") + (f' style="{style}"' if style else "")
    return f'<text x="{x:.1f}" y="{y + FONT * 0.35:.1f}" text-anchor="{anchor}"{rest}>{escape(words)}</text>'


def picture(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """Return the whole picture; `label` is read out by screen readers."""
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label, quote=True)}"'
    return f'{head} style="max-width:{width:.0f}px">{"".join(parts)}</svg>'


@dataclass(frozen=True)
class Box:
    """A rectangle in px, for finding free places."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Return whether the two overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def place_label(x: float, y: float, words: str, taken: list[Box], frame: Box) -> tuple[float, float, str] | None:
    """Return (x, y, anchor) of a free place beside a dot and add it to `taken`; None when every place is taken."""
    width, half = text_width(words), FONT * 0.62
    for away in (0, 14, -14, 28, -28, 42, -42, 56, -56, 70, -70):
        for anchor, shift in (("start", 9.0), ("end", -9.0)):
            left = x + shift if anchor == "start" else x + shift - width
            box = Box(left, y + away - half, left + width, y + away + half)
            inside = box.left >= frame.left and box.right <= frame.right
            inside = inside and box.top >= frame.top and box.bottom <= frame.bottom
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                return x + shift, y + away, anchor
    return None
