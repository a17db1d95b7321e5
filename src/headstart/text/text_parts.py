"""Long texts in parts, and many texts in groups, so that what is made of them at once is bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

RUST_AT_ONCE = 1 << 18  # characters that the Rust library is given together: it takes 200 to 500 bytes for each
_BEGIN = re.compile(r"(?<=\S) ")  # of a word within a text

Encode = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]


def text_parts(text: str, size: int) -> Iterator[str]:
    """Yield a text in parts of about `size` characters, each of which begins a word, unless a word is as long as that.

    No part has twice as many; a longer word is cut.
    """
    start = 0
    while len(text) - start > size:
        found = _BEGIN.search(text, start + size, start + 2 * size)
        end = found.start() if found else min(start + 2 * size, len(text))
        yield text[start:end]
        start = end
    if start < len(text) or not text:
        yield text[start:]


def text_groups(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the texts in groups of about `size` characters, or of one text that is longer."""
    group: list[str] = []
    held = 0
    for text in texts:
        if group and held + len(text) > size:
            yield group
            group, held = [], 0
        group.append(text)
        held += len(text)
    if group:
        yield group


def encoded_by_parts(encode: Encode, texts: Sequence[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (ids of all texts one behind the other, int64 [T]; how many each text has, int64 [N]).

    encode: gives the same of a group of texts, and sees about `size` characters at a time.
    """
    pieces = [list(text_parts(text, size)) for text in texts]
    parts = [encode(some) for some in text_groups([piece for some in pieces for piece in some], size)]
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    length_P = np.concatenate([lengths for _, lengths in parts])  # of pieces, of which each text has one at least
    first_N = np.cumsum([0, *map(len, pieces[:-1])])
    return np.concatenate([ids for ids, _ in parts]), np.add.reduceat(length_P, first_N)
