"""What BERT's normalizer and pre-tokenizer make of many texts at once, in arrays.

They are asked once for every character what becomes of it between two letters. Texts with characters that they treat
otherwise than one by one (accents that are taken off, letters that become two) are left to Rust.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from headstart.text.rust import Rust

_KEPT, _APART, _SPACE, _HARD = range(4)  # a letter of a word, a word of its own, between words, left to Rust
_CODES = 0x110000
_ONE_BY_ONE = ("NFC", "BertNormalizer", "Lowercase", "Sequence")  # of normalizers, on text in NFC


def reads(parts: dict[str, Any]) -> bool:
    """Whether a tokenizer cuts words as BERT does, with parts that look at one character at a time.

    parts: what its tokenizer.json holds.
    """
    cutting = parts["pre_tokenizer"] or {}
    return cutting.get("type") == "BertPreTokenizer" and _one_by_one(parts["normalizer"])


def _one_by_one(normalizer: dict[str, Any] | None) -> bool:
    if normalizer is None:
        return True
    return normalizer["type"] in _ONE_BY_ONE and all(map(_one_by_one, normalizer.get("normalizers", ())))


class Cut(NamedTuple):
    """letter_L: code points of all words of a text, normalized; word_L: the text of each. start_P, end_P: among the
    letters, of each word that the pre-tokenizer cuts. hard_W: texts that are left to Rust, without letters here."""

    letter_L: np.ndarray
    word_L: np.ndarray
    start_P: np.ndarray
    end_P: np.ndarray
    hard_W: np.ndarray


class BertWords:
    """rust: a tokenizer for which `reads` holds. Several threads may ask at once."""

    def __init__(self, rust: Rust) -> None:
        self._rust = rust
        self._class_U = np.full(_CODES, -1, np.int8)  # by code point; -1: not asked yet
        self._becomes_U = np.zeros(_CODES, np.int32)  # by code point: another one

    def cut(self, code_C: np.ndarray, size_W: np.ndarray) -> Cut:
        """Cut texts, given as their code points one behind the other and their sizes."""
        class_C = self._class_U[code_C]
        if class_C.size and class_C.min() < 0:
            self._ask(np.unique(code_C[class_C < 0]).tolist())
            class_C = self._class_U[code_C]
        word_C = np.repeat(np.arange(len(size_W)), size_W)
        hard_W = np.zeros(len(size_W), bool)
        hard_W[word_C[class_C == _HARD]] = True
        used_C = np.flatnonzero((class_C != _SPACE) & ~hard_W[word_C])
        apart_L, word_L = class_C[used_C] == _APART, word_C[used_C]
        # A word begins with a new text, at and behind what stands apart, and behind a space (a gap in `used_C`).
        begins_L = apart_L.copy()
        begins_L[:1] = True
        begins_L[1:] |= apart_L[:-1] | (np.diff(used_C) > 1) | (np.diff(word_L) > 0)
        start_P = np.flatnonzero(begins_L)
        end_P = np.append(start_P, len(used_C))[1:]
        return Cut(self._becomes_U[code_C[used_C]], word_L, start_P, end_P, hard_W)

    def _ask(self, codes: Sequence[int]) -> None:
        """Learn what becomes of these code points between two letters."""
        for code, found in zip(codes, self._rust.words([f"a{chr(code)}a" for code in codes])):
            becomes = "".join(found)[1:-1]
            if found == ["a", "a"]:
                self._class_U[code] = _SPACE
            elif len(becomes) == 1 and found in (["a", becomes, "a"], [f"a{becomes}a"]):
                self._becomes_U[code] = ord(becomes)  # before the class, which tells other threads that it is there
                self._class_U[code] = _APART if len(found) == 3 else _KEPT
            else:
                self._class_U[code] = _HARD

    def letters_within(self, texts: Iterable[str]) -> set[str]:
        """Return the characters that stand behind the first one of a word."""
        found: set[str] = set()
        for text in texts:
            code_C = np.frombuffer(text.encode("utf-32-le"), np.uint32)
            cut = self.cut(code_C, np.array([len(code_C)]))
            if cut.hard_W.any():
                found |= {letter for word in self._rust.words([text])[0] for letter in word[1:]}
                continue
            within_L = np.ones(len(cut.letter_L), bool)
            within_L[cut.start_P] = False
            found |= set(map(chr, np.unique(cut.letter_L[within_L]).tolist()))
        return found
