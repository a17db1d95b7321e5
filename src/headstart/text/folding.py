"""The fold of a text, by which texts count as the same; texts as flat arrays of character codes."""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from headstart.core.normal_form import normal_form

BETWEEN = "\x1f"  # joins the two texts of a pair; no fold holds it
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@cache
def _dropped() -> re.Pattern[str]:
    """Return a pattern of white space, punctuation, control and format characters (Unicode Z*, P*, Cc, Cf)."""
    kinds = [(number, unicodedata.category(chr(number))) for number in range(sys.maxunicode + 1)]
    numbers = [number for number, kind in kinds if kind[0] in "ZP" or kind in ("Cc", "Cf")]
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return re.compile("[" + "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges) + "]+")


def fold(text: str) -> str:
    """Return a text in NFC, case-folded, without white space, punctuation, control and format characters, in NFC again.

    Letters, marks, digits and symbols (C++, emoji) stay. A text without any of them keeps all but its white space, so
    that `...` and `???` differ.
    """
    plain = normal_form(text).casefold()
    return normal_form(_dropped().sub("", plain)) or "".join(plain.split())


def fold_all(first: Sequence[str], second: Sequence[str] | None = None) -> list[str]:
    """Return the fold of each text, or of each pair in its order."""
    if second is None:
        return [fold(text) for text in first]
    return [f"{fold(one)}{BETWEEN}{fold(other)}" for one, other in zip(first, second, strict=True)]


def hash_of(text: str) -> int:
    """Return 64 bits that tell texts apart, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def mix(words: np.ndarray) -> np.ndarray:
    """Scramble uint64 words one to one (the finaliser of splitmix64; Steele, Lea, Flood, OOPSLA 2014)."""
    words = (words ^ (words >> np.uint64(30))) * _MIX1
    words = (words ^ (words >> np.uint64(27))) * _MIX2
    return words ^ (words >> np.uint64(31))


@dataclass(frozen=True)
class Flat:
    """N texts end to end. code_M: a scrambled uint64 per character. start_N, length_N: the place of each text."""

    code_M: np.ndarray
    start_N: np.ndarray
    length_N: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Flat:
        """Lay `texts` end to end."""
        length_N = np.fromiter(map(len, texts), np.int64, len(texts))
        raw = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        return cls(mix(raw.astype(np.uint64) + np.uint64(1)), np.cumsum(length_N) - length_N, length_N)

    @property
    def row_M(self) -> np.ndarray:
        """The number of each character's text."""
        return np.repeat(np.arange(len(self.length_N)), self.length_N)

    @property
    def place_M(self) -> np.ndarray:
        """The position of each character in its text."""
        return np.arange(len(self.code_M)) - np.repeat(self.start_N, self.length_N)
