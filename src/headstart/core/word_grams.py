"""Character n-grams of many words at once: each is one 64-bit key, so that n-grams are counted and looked up in arrays.

A word `w` is written between two bounds (`<w>`). Characters are numbered from 1 in the order of their code points. A
key holds the numbers of the characters of an n-gram from the highest bits down, with zeros behind its end: keys sort
as the strings do. Where the characters are too many for 64 bits, the same is done string by string.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from headstart.core.normal_form import normal_form

_WORDS_AT_ONCE = 200_000  # about 25 n-grams each: 120 MB of keys and places
_CHARACTERS_AT_ONCE = 1 << 22  # of words that are longer than usual
_LONGEST = 1 << 16  # characters of a word
_FEW_WORDS = 24  # up to so many words are read string by string, which is sooner


def split_words(text: str, lower: bool = True) -> list[str]:
    """Return the NFC-normalised words of a text, split at white space, in lower case unless told otherwise.

    A word of more than 65,536 characters is cut.
    """
    text = normal_form(text)
    words = (text.lower() if lower else text).split()
    if len(text) <= _LONGEST:
        return words
    return [word[low : low + _LONGEST] for word in words for low in range(0, len(word), _LONGEST)]


class GramRule(NamedTuple):
    """smallest, largest: characters of an n-gram; bounds: the two characters around a word."""

    smallest: int
    largest: int
    bounds: str = "<>"

    def of(self, word: str) -> list[str]:
        """Return the n-grams of one word, shortest first: `ab` with 2 and 3: `<a`, `ab`, `b>`, `<ab`, `ab>`."""
        word = f"{self.bounds[0]}{word}{self.bounds[1]}"
        return [word[i : i + n] for n in range(self.smallest, self.largest + 1) for i in range(len(word) - n + 1)]


class _Keys:
    """Keys of n-grams over the characters of some text. fits: whether 64 bits hold the longest n-gram."""

    def __init__(self, characters: set[str], rule: GramRule) -> None:
        self.rule = rule
        # Code points in rising order behind a zero: the place of a code point is its number.
        self.code_A = np.array([0, *sorted(map(ord, characters))], np.uint32)
        self.bits = len(characters).bit_length()
        self.fits = self.bits * rule.largest <= 64 and "\0" not in characters
        self.number_U = np.zeros(int(self.code_A[-1]) + 2, np.uint64)  # by code point; the last is for all above
        self.number_U[self.code_A] = np.arange(len(self.code_A), dtype=np.uint64)

    def of(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return (keys, uint64 [P], in the order of `GramRule.of`, 0 for an n-gram with another character; P of each
        word, int64 [W])."""
        rule = self.rule
        text = "".join([f"{rule.bounds[0]}{word}{rule.bounds[1]}" for word in words])
        code_C = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        number_C = self.number_U[np.minimum(code_C, len(self.number_U) - 1)]
        length_W = np.fromiter(map(len, words), np.int64, len(words)) + 2
        word_C = np.repeat(np.arange(len(words)), length_W)
        place_C = np.arange(len(code_C)) - np.repeat(np.cumsum(length_W) - length_W, length_W)
        left_C = length_W[word_C] - place_C  # characters from here to the end of the word
        lengths = range(1, rule.largest + 1)
        count_NW = np.maximum(length_W - np.array(lengths)[:, None] + 1, 0)
        count_NW[: rule.smallest - 1] = 0
        total_W = count_NW.sum(0)
        first_NW = np.cumsum(total_W) - total_W + np.cumsum(count_NW, axis=0) - count_NW
        key_P = np.zeros(int(total_W.sum()), np.uint64)
        key_C, known_C = np.zeros(len(code_C), np.uint64), np.ones(len(code_C), bool)
        for n in lengths:
            # The n-gram at a place is the (n-1)-gram there and the character n - 1 further on.
            key_C, known_C = key_C[: len(code_C) - n + 1], known_C[: len(code_C) - n + 1]
            key_C = key_C | number_C[n - 1 :] << np.uint64(self.bits * (rule.largest - n))
            known_C = known_C & (number_C[n - 1 :] > 0)
            if n >= rule.smallest:
                inside = np.flatnonzero(left_C[: len(key_C)] >= n)
                key_P[first_NW[n - 1, word_C[inside]] + place_C[inside]] = np.where(known_C, key_C, 0)[inside]
        return key_P, total_W

    def strings(self, key_G: np.ndarray) -> list[str]:
        """Return the n-grams with these keys."""
        shifts = np.arange(self.rule.largest - 1, -1, -1, dtype=np.uint64) * np.uint64(self.bits)
        number_GN = key_G[:, None] >> shifts & np.uint64((1 << self.bits) - 1)
        # Strings of numpy are code points with zeros behind the end, which are cut off.
        return self.code_A[number_GN].view(f"<U{self.rule.largest}").ravel().tolist()


@dataclass(frozen=True)
class GramCounts:
    """n-grams, the most frequent first, those of equal count as strings sort; count_G: how often each occurs."""

    count_G: np.ndarray
    _found: np.ndarray | list[str]
    _keys: _Keys | None

    def strings(self, most: int | None = None) -> list[str]:
        """Return the first `most` n-grams, all unless told."""
        first = self._found[:most]
        return first if self._keys is None else self._keys.strings(first)


def count_grams(words: Mapping[str, int], rule: GramRule, *, once: bool = False) -> GramCounts:
    """Count the n-grams of words that occur so often. once: an n-gram counts once for a word that has it twice."""
    keys = _Keys(set(chain.from_iterable(words)) | set(rule.bounds), rule)
    listed = list(words)
    if not keys.fits:
        return _count_strings(words, rule, once)
    times_W = np.fromiter(words.values(), np.int64, len(words))
    key_G, count_G = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for some in _slices(listed):
        key_P, total_W = keys.of(listed[some])
        word_P = np.repeat(np.arange(len(total_W)), total_W)
        if once:
            order = np.lexsort((key_P, word_P))
            key_P, word_P = key_P[order], word_P[order]
            first = np.r_[True, (key_P[1:] != key_P[:-1]) | (word_P[1:] != word_P[:-1])][: len(key_P)]
            key_P, word_P = key_P[first], word_P[first]
        both, place = np.unique(np.concatenate([key_G, key_P]), return_inverse=True)
        times = np.concatenate([count_G, times_W[some][word_P]])
        key_G, count_G = both, np.bincount(place, times, len(both)).astype(np.int64)
    order = np.argsort(-count_G, kind="stable")
    return GramCounts(count_G[order], key_G[order], keys)


def _count_strings(words: Mapping[str, int], rule: GramRule, once: bool) -> GramCounts:
    """Return what `count_grams` does, string by string."""
    counts: Counter[str] = Counter()
    for word, times in words.items():
        found = rule.of(word)
        for gram in set(found) if once else found:
            counts[gram] += times
    ranked = sorted(counts, key=lambda gram: (-counts[gram], gram))
    return GramCounts(np.array([counts[gram] for gram in ranked], np.int64), ranked, None)


class KnownGrams:
    """A list of n-grams that is looked up in words."""

    def __init__(self, ngrams: Sequence[str], rule: GramRule) -> None:
        self.rule = rule
        self.place = {gram: place for place, gram in enumerate(ngrams)}
        self._table: tuple[_Keys, np.ndarray, np.ndarray] | None = None  # keys, sorted; their places

    def of(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return (places of the known n-grams of all words, int64 [P], in the order of `GramRule.of`; how many each
        word has, int64 [W])."""
        if len(words) <= _FEW_WORDS or not (table := self._table or self._made()):
            found = [[self.place[gram] for gram in self.rule.of(word) if gram in self.place] for word in words]
            return np.array([*chain.from_iterable(found)], np.int64), np.array([len(one) for one in found], np.int64)
        keys, key_G, place_G = table
        parts = [self._look_up(keys, key_G, place_G, words[some]) for some in _slices(words)]
        places, counts = zip(*parts)
        return np.concatenate(places), np.concatenate(counts)

    @staticmethod
    def _look_up(
        keys: _Keys, key_G: np.ndarray, place_G: np.ndarray, words: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        key_P, total_W = keys.of(words)
        slot_P = np.minimum(np.searchsorted(key_G, key_P), len(key_G) - 1)
        known_P = key_G[slot_P] == key_P
        until_P = np.cumsum(np.r_[0, known_P])  # known n-grams before each one
        end_W = np.cumsum(total_W)
        return place_G[slot_P[known_P]], until_P[end_W] - until_P[end_W - total_W]

    def _made(self) -> tuple[_Keys, np.ndarray, np.ndarray] | None:
        """Make the table of keys; None where 64 bits do not hold them."""
        longest = self.rule.largest
        kept = [(gram, place) for gram, place in self.place.items() if 0 < len(gram) <= longest]
        keys = _Keys(set(chain.from_iterable(gram for gram, _ in kept)), self.rule)
        if not kept or not keys.fits:
            return None
        # numpy keeps strings as code points with zeros behind the end, which is the order of the characters in a key.
        code_GN = np.array([gram for gram, _ in kept], f"<U{longest}").view(np.uint32).reshape(len(kept), longest)
        number_GN = keys.number_U[code_GN]
        key_G = np.zeros(len(kept), np.uint64)
        for n in range(longest):
            key_G |= number_GN[:, n] << np.uint64(keys.bits * (longest - 1 - n))
        order = np.argsort(key_G)
        self._table = keys, key_G[order], np.array([place for _, place in kept], np.int64)[order]
        return self._table


def _slices(words: Sequence[str]) -> Iterator[slice]:
    """Yield the places of words that are looked at together."""
    end_W = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)))
    low = before = 0
    while low < len(words):
        high = int(np.searchsorted(end_W, before + _CHARACTERS_AT_ONCE, side="right"))
        high = min(max(high, low + 1), low + _WORDS_AT_ONCE)
        yield slice(low, high)
        low, before = high, int(end_W[high - 1])
