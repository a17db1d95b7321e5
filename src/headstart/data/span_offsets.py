"""How offsets of spans are meant: characters from 0 with exclusive ends, or another of the ways in which tools count.

A span that says what it covers tells it. Where none does, words tell: spans that begin or end inside of a word in most
rows, and never do when offsets are read another way, were meant that way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

_FEWEST = 5  # spans whose ends tell something
_MOST_CUT, _LEAST_CUT = 0.05, 0.5  # share of spans that cut a word: at most where a reading is right, more where wrong
_ALPHABETS = 0x0590  # characters below: Latin, Greek, Cyrillic, Armenian, whose words stand apart from each other
_MOST_SEEN = 5_000


# The first characters that take a unit more, by codec.
_LONGER = {"utf-16-le": (0x10000,), "utf-8": (0x80, 0x800, 0x10000)}


class Reading(NamedTuple):
    """name: for messages, empty for the usual one. places(text, start, end) -> (start, end) in characters."""

    name: str
    places: Callable[[str, int, int], tuple[int, int]]


def _in_units(codec: str) -> Callable[[str, int, int], tuple[int, int]]:
    @lru_cache(maxsize=1)  # spans come text by text
    def ends(text: str) -> np.ndarray:
        """Return how many units there are up to the end of each character, int64 [M]."""
        code_M = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        units_M = np.ones(len(code_M), np.int64)
        for first in _LONGER[codec]:
            units_M += code_M >= first
        return np.cumsum(units_M)

    def places(text: str, start: int, end: int) -> tuple[int, int]:
        end_M = ends(text)
        found = [place if place >= 0 else place + int(end_M[-1:].sum()) for place in (start, end)]  # as slices count
        return tuple(int(np.searchsorted(end_M, min(max(one, 0), len(text) * 4), side="right")) for one in found)

    return places


USUAL = Reading("", lambda text, start, end: (start, end))
READINGS = (
    USUAL,
    Reading("ends are inclusive", lambda text, start, end: (start, end + 1)),
    Reading("offsets count code units of UTF-16", _in_units("utf-16-le")),
    Reading("offsets count bytes of UTF-8", _in_units("utf-8")),
    Reading("offsets count from 1, ends are inclusive", lambda text, start, end: (start - 1, end)),
    Reading("offsets count from 1", lambda text, start, end: (start - 1, end - 1)),
)


class Offsets:
    """How the spans of a file are read. default: of spans that do not say what they cover. counts: rows by reading."""

    def __init__(self) -> None:
        self.default, self.counts = USUAL, Counter[str]()
        self._seen: list[tuple[str, int, int]] = []

    def see(self, text: str, start: int, end: int) -> None:
        """Remember a span, as it is written, that does not say what it covers."""
        if len(self._seen) < _MOST_SEEN:
            self._seen.append((text, start, end))

    def by_words(self) -> Reading:
        """Return the reading by which words are whole, the usual one where that is not clear."""
        usual = self._share_cut(USUAL)
        if usual is None or usual <= _LEAST_CUT:
            return USUAL
        shares = ((reading, self._share_cut(reading)) for reading in READINGS)
        return next((one for one, share in shares if share is not None and share <= _MOST_CUT), USUAL)

    def warning(self) -> str:
        """Return what is said where most spans cut words and no reading is known by which they do not; else ''."""
        share = self._share_cut(self.default)
        if share is None or share <= _LEAST_CUT:
            return ""
        return f"warning: {share:.0%} of the spans begin or end inside of a word; are the offsets those of these texts?"

    def notes(self) -> list[str]:
        """Return how offsets were read, by number of rows."""
        words = {"moved": "were not where their offsets say, and are moved to the only place of their text"}
        told = [
            f"the spans of {count:,} rows {words[name]}" if name in words else f"in {count:,} rows {name}: converted"
            for name, count in self.counts.most_common()
            if name
        ]
        return [*told, warning] if (warning := self.warning()) else told

    def _share_cut(self, reading: Reading) -> float | None:
        """Return the share of spans that cut a word, of those whose ends tell; None for too few."""
        cut = [cuts for one in self._seen if (cuts := _cuts(one[0], *reading.places(*one))) is not None]
        return sum(cut) / len(cut) if len(cut) >= _FEWEST else None


def _cuts(text: str, start: int, end: int) -> bool | None:
    """Return whether the span begins or ends inside of a word or with a blank, or is none; None: nothing tells."""
    if not 0 <= start < end <= len(text):
        return True
    if text[start].isspace() or text[end - 1].isspace():
        return True
    if not (_in_word(text[start]) and _in_word(text[end - 1])):
        return None
    return (start > 0 and _in_word(text[start - 1])) or (end < len(text) and _in_word(text[end]))


def _in_word(character: str) -> bool:
    return character.isalnum() and ord(character) < _ALPHABETS
