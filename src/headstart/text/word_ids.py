"""Ids of many texts by the ids of their words, each of which is tokenised once: natural text repeats its words.

A word is a run of characters up to a space behind it; the white space before it belongs to it. Tokenizers that treat
what stands behind a space by itself give a text the ids of its words one behind the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from headstart.text.text_parts import encoded_by_parts

_CHARACTERS_AT_ONCE = 1 << 20  # of texts: about 70 MB of arrays
_MOST_WORDS = 2_000_000  # kept, about 40 bytes each
_LONGEST = 1 << 12  # characters of a word; groups of texts with longer ones are tokenised whole
_PLANE = 1 << 16  # code points that have a random number of their own

Encode = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class WordIds:
    """encode: from (code points of words one behind the other, size of each word) to (their ids, how many each has).

    before: kinds of white space that begin a word behind something else, the space among them.
    Words are told apart by 64-bit hashes: among 2,000,000 words two share one with a chance of 1 in ten million.
    Several threads may ask at once.
    """

    def __init__(self, encode: Encode, before: str = " ") -> None:
        self._encode, self._before = encode, before
        random = np.random.default_rng(0)
        # A word is the sum over its characters of (number of the character) x (number of the place), modulo 2^64.
        self._character_U = random.integers(0, 1 << 64, _PLANE, np.uint64)
        self._place_L = random.integers(0, 1 << 64, _LONGEST, np.uint64) | np.uint64(1)
        self._space_U = np.array([chr(code).isspace() for code in range(_PLANE)])
        self._lock = Lock()
        self._known = _Known()

    def __getstate__(self) -> dict[str, Any]:
        """A copy learns its words anew."""
        return {"encode": self._encode, "before": self._before}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def encode(self, texts: Sequence[str], *, keep: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids of all texts one behind the other, int32 [T]; how many each text has, int64 [N]).

        keep: whether new words are remembered for the texts of later calls.
        """
        return encoded_by_parts(partial(self._some, keep), texts, _CHARACTERS_AT_ONCE)

    def _some(self, keep: bool, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        length_N = np.fromiter(map(len, texts), np.int64, len(texts))
        code_C = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
        start_W = self._starts(code_C, length_N)
        size_W = np.diff(start_W, append=len(code_C))
        if not len(start_W) or size_W.max() > _LONGEST:
            ids, count_N = self._encode(code_C, length_N)
            return ids.astype(np.int32), count_N
        hash_U, first_U, word_W = np.unique(
            self._hashes(code_C, start_W, size_W), return_index=True, return_inverse=True
        )
        find = self._look_up if keep else self._anew
        ids, begin_U, count_U = find(code_C, hash_U, start_W[first_U], size_W[first_U])
        count_W = count_U[word_W]
        until_W = np.concatenate([[0], np.cumsum(count_W)])
        # Ids of the words one behind the other: where the ids of a word begin, and the place of each within the word.
        flat = ids[np.repeat(begin_U[word_W] - until_W[:-1], count_W) + np.arange(until_W[-1])]
        words_N = np.searchsorted(start_W, np.concatenate([[0], np.cumsum(length_N)]))  # words before each text ends
        return flat.astype(np.int32), until_W[words_N[1:]] - until_W[words_N[:-1]]

    def _starts(self, code_C: np.ndarray, length_N: np.ndarray) -> np.ndarray:
        """Return where words begin: at the start of each text, and at white space behind something else."""
        begins_C = np.isin(code_C, [ord(kind) for kind in self._before])
        begins_C[1:] &= ~self._space_U[np.minimum(code_C[:-1], _PLANE - 1)]
        first_N = np.cumsum(length_N) - length_N
        begins_C[first_N[length_N > 0]] = True
        return np.flatnonzero(begins_C)

    def _hashes(self, code_C: np.ndarray, start_W: np.ndarray, size_W: np.ndarray) -> np.ndarray:
        place_C = np.arange(len(code_C)) - np.repeat(start_W, size_W)
        number_C = self._character_U[np.minimum(code_C, _PLANE - 1)]
        if code_C.max() >= _PLANE:  # emoji and the like: their numbers are computed, not looked up
            number_C += np.where(code_C >= _PLANE, code_C * np.uint64(0x9E3779B97F4A7C15), np.uint64(0))
        number_C *= self._place_L[place_C]
        return np.add.reduceat(number_C, start_W)

    def _look_up(
        self, code_C: np.ndarray, hash_U: np.ndarray, start_U: np.ndarray, size_U: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (ids; where those of each word begin; how many it has); new words are tokenised and kept."""
        with self._lock:
            new_U = self._known.place(hash_U) < 0
        ids, _, count_V = self._anew(code_C, hash_U[new_U], start_U[new_U], size_U[new_U])
        with self._lock:
            known = self._known
            known.add(hash_U[new_U], ids, count_V)
            place_U = known.place(hash_U)
            found = known.ids, known.begin_K[place_U], known.begin_K[place_U + 1] - known.begin_K[place_U]
            if len(known.hash_K) > _MOST_WORDS:  # rare: what comes now is counted anew
                self._known = _Known()
        return found

    def _anew(
        self, code_C: np.ndarray, _hash_U: np.ndarray, start_U: np.ndarray, size_U: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `_look_up` does, of words that are tokenised now."""
        shift_U = start_U - (np.cumsum(size_U) - size_U)  # the characters of the words one behind the other
        ids, count_U = self._encode(code_C[np.repeat(shift_U, size_U) + np.arange(int(size_U.sum()))], size_U)
        return ids, np.cumsum(count_U) - count_U, count_U


class _Known:
    """Words whose ids are known, in the order in which they came. hash_K: rising; place_K: of each in that order."""

    def __init__(self) -> None:
        self.hash_K, self.place_K = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self.begin_K = np.zeros(1, np.int64)
        self._store, self._used = np.zeros(1 << 16, np.int32), 0

    @property
    def ids(self) -> np.ndarray:
        """The ids of all known words one behind the other."""
        return self._store[: self._used]

    def place(self, hash_U: np.ndarray) -> np.ndarray:
        """Return the place of each word, -1 where it is not known."""
        if not len(self.hash_K):
            return np.full(len(hash_U), -1)
        slot = np.minimum(np.searchsorted(self.hash_K, hash_U), len(self.hash_K) - 1)
        return np.where(self.hash_K[slot] == hash_U, self.place_K[slot], -1)

    def add(self, hash_V: np.ndarray, ids: np.ndarray, count_V: np.ndarray) -> None:
        """Keep words, those left out that another thread has added since."""
        fresh_V = self.place(hash_V) < 0
        if not fresh_V.all():
            ids, hash_V, count_V = ids[np.repeat(fresh_V, count_V)], hash_V[fresh_V], count_V[fresh_V]
        while self._used + len(ids) > len(self._store):
            self._store = np.concatenate([self._store, np.zeros_like(self._store)])
        self._store[self._used : self._used + len(ids)] = ids
        at = np.searchsorted(self.hash_K, hash_V)
        self.place_K = np.insert(self.place_K, at, len(self.begin_K) - 1 + np.arange(len(hash_V)))
        self.hash_K = np.insert(self.hash_K, at, hash_V)
        self.begin_K = np.concatenate([self.begin_K, self._used + np.cumsum(count_V)])
        self._used += len(ids)


def strings(code_C: np.ndarray, size_W: np.ndarray) -> list[str]:
    """Return words from their code points one behind the other."""
    text, end_W = code_C.astype("<u4").tobytes().decode("utf-32-le"), np.cumsum(size_W).tolist()
    return [text[low:end] for low, end in zip([0, *end_W], end_W)]
