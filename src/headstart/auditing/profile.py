"""Profile of texts: quantiles of characters and words, and the share of each writing system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_MOST_OF, _PORTION = 0.9, 5_000
# First code point of each range of Unicode, and the writing system of its letters; None: no letters, not counted.
_BLOCKS: tuple[tuple[int, str | None], ...] = (
    *((0x0, None), (0x41, "latin"), (0x5B, None), (0x61, "latin"), (0x7B, None), (0xAA, "latin"), (0xAB, None)),
    *((0xB5, "latin"), (0xB6, None), (0xC0, "latin"), (0xD7, None), (0xD8, "latin"), (0xF7, None), (0xF8, "latin")),
    *((0x2B0, None), (0x370, "greek"), (0x400, "cyrillic"), (0x530, "other"), (0x590, "hebrew"), (0x600, "arabic")),
    *((0x700, "other"), (0x900, "devanagari"), (0x980, "other"), (0xE00, "thai"), (0xE80, "other"), (0x1100, "hangul")),
    *((0x1200, "other"), (0x1E00, "latin"), (0x1F00, "greek"), (0x2000, None), (0x2C00, "other"), (0x2E00, None)),
    *((0x2E80, "han"), (0x3000, None), (0x3005, "han"), (0x3008, None), (0x3041, "kana"), (0x3100, "other")),
    *((0x3131, "hangul"), (0x3190, None), (0x31F0, "kana"), (0x3200, None), (0x3400, "han"), (0x4DC0, None)),
    *((0x4E00, "han"), (0xA000, "other"), (0xA960, "hangul"), (0xA980, "other"), (0xAC00, "hangul"), (0xD800, None)),
    *((0xF900, "han"), (0xFB00, "latin"), (0xFB07, "other"), (0xFE00, None), (0xFE70, "arabic"), (0xFEFF, None)),
    *((0xFF21, "latin"), (0xFF3B, None), (0xFF41, "latin"), (0xFF5B, None), (0xFF66, "kana"), (0xFFA0, "hangul")),
    *((0xFFE0, None), (0x10000, "other"), (0x1F000, None), (0x20000, "han"), (0x32000, None)),
)
SCRIPTS = sorted({name for _, name in _BLOCKS if name})


def profile(texts: Sequence[str]) -> dict[str, Any]:
    """Return the profile of N texts as plain JSON data.

    characters, words (split at white space): quantiles by name. empty: number of texts without anything but white
    space. scripts: share of all letters. row_scripts: share of the texts by their script (9 in 10 letters), mixed, or
    without letters.
    """
    characters_N = np.fromiter(map(len, texts), np.int64, len(texts))
    words_N = np.fromiter((len(text.split()) for text in texts), np.int64, len(texts))
    letters_NS = np.concatenate([_letters(texts[at : at + _PORTION]) for at in range(0, len(texts), _PORTION)] or [[]])
    letters_NS = letters_NS.reshape(len(texts), len(SCRIPTS))
    total_N = letters_NS.sum(axis=1)
    pure_N = letters_NS.max(axis=1, initial=0) >= np.maximum(_MOST_OF * total_N, 1)
    kind_N = np.where(pure_N, letters_NS.argmax(axis=1), np.where(total_N > 0, len(SCRIPTS), len(SCRIPTS) + 1))
    return {
        "rows": len(texts),
        "empty": int((words_N == 0).sum()),
        "characters": _quantiles(characters_N),
        "words": _quantiles(words_N),
        "scripts": _shares(SCRIPTS, letters_NS.sum(axis=0)),
        "row_scripts": _shares([*SCRIPTS, "mixed", "none"], np.bincount(kind_N, minlength=len(SCRIPTS) + 2)),
    }


def _letters(texts: Sequence[str]) -> np.ndarray:
    """Return how many letters of each script each text has, int64 [N, scripts]."""
    length_N = np.fromiter(map(len, texts), np.int64, len(texts))
    code_M = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.array([start for start, _ in _BLOCKS])
    script = np.array([-1 if name is None else SCRIPTS.index(name) for _, name in _BLOCKS])
    of_M = script[np.searchsorted(starts, code_M, side="right") - 1]
    place_M = np.repeat(np.arange(len(texts)), length_N) * len(SCRIPTS) + of_M
    return np.bincount(place_M[of_M >= 0], minlength=len(texts) * len(SCRIPTS)).reshape(len(texts), -1)


def _quantiles(values_N: np.ndarray) -> dict[str, float]:
    if not len(values_N):
        return {}
    found = np.quantile(values_N, QUANTILES).round(1).tolist()
    return {f"{share:g}": value for share, value in zip(QUANTILES, found)} | {"mean": round(float(values_N.mean()), 2)}


def _shares(names: Sequence[str], counts: np.ndarray) -> dict[str, float]:
    """Return the share of each name that occurs, largest first."""
    total = max(int(counts.sum()), 1)
    order = np.argsort(-counts, kind="stable")
    return {names[place]: round(float(counts[place] / total), 4) for place in order if counts[place]}
