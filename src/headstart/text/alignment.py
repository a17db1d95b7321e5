"""Where each character of an NFC text stood in the text as it was given (Unicode Standard Annex 15)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headstart.core.normal_form import normal_form

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
_UNIT = re.compile("[\ud800-\udbff][\udc00-\udfff]|.", re.DOTALL)
_PILE = 32  # characters of a segment, at most, that are looked at as a whole: no letter is composed of so many


@dataclass(frozen=True)
class Composed:
    """An NFC text and, for each of its M characters, the slice of the original it comes from.

    starts_M, ends_M: offsets in characters, end exclusive; None when the text was NFC already.
    """

    text: str
    length: int
    starts_M: np.ndarray | None = None
    ends_M: np.ndarray | None = None

    def original(self, offsets_N2: np.ndarray) -> np.ndarray:
        """Return offsets into `text` as offsets into the original; empty slices stay empty."""
        if self.starts_M is None:
            return offsets_N2
        first, last = offsets_N2[:, 0], offsets_N2[:, 1]
        starts = np.append(self.starts_M, self.length)[first]
        ends = np.append(self.ends_M, self.length)[last - 1]
        return np.stack([starts, np.where(last > first, ends, starts)], axis=1)


def mend(text: str) -> str:
    """Return the text with surrogate pairs joined and half ones, which are no text, as U+FFFD."""
    text = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _HALF.sub("\ufffd", text)


def compose(text: str) -> Composed:
    """Return `NFC(mend(text))` with its alignment.

    Normalisation neither joins nor reorders characters across the segments of `_segments`, so each is normalised by
    itself: characters of one that stays as it is keep their places, those of one that changes get the whole of it.
    """
    if unicodedata.is_normalized("NFC", text) and not _HALF.search(text):
        return Composed(text, len(text))
    parts: list[str] = []
    bounds: list[tuple[int, int]] = []
    place = 0
    for segment in _segments(text):
        part = normal_form(mend(segment))
        if part == segment:
            bounds += [(place + offset, place + offset + 1) for offset in range(len(segment))]
        else:
            bounds += [(place, place + len(segment))] * len(part)
        parts.append(part)
        place += len(segment)
    starts, ends = np.array(bounds, np.int64).reshape(-1, 2).T
    return Composed("".join(parts), len(text), starts, ends)


def _segments(text: str) -> list[str]:
    """Cut the text before each character that normalisation leaves apart from what stands before it."""
    segments: list[list[str]] = []
    for character in _UNIT.findall(text):
        if segments and (_is_mark(character) or _joins(segments[-1], character)):
            segments[-1].append(character)
        else:
            segments.append([character])
    return ["".join(segment) for segment in segments]


@lru_cache(maxsize=1 << 12)
def _is_mark(character: str) -> bool:
    """Say whether a character may be reordered or composed with what stands before it."""
    return unicodedata.combining(unicodedata.normalize("NFD", mend(character))[0]) > 0


def _joins(segment: list[str], character: str) -> bool:
    """Say whether a character that is no mark is composed with the segment before it: not behind a pile of marks."""
    return len(segment) <= _PILE and _composes("".join(segment), character)


@lru_cache(maxsize=1 << 16)
def _composes(segment: str, character: str) -> bool:
    segment, character = mend(segment), mend(character)
    nfc = unicodedata.normalize
    return nfc("NFC", segment + character) != nfc("NFC", segment) + nfc("NFC", character)
