"""Texts one edit apart, found by hashes of every text with one character hidden or deleted; time grows with length.

Two texts are at most one substitution apart when they are equal with the same position hidden, and one insertion apart
when one text equals the other with one character deleted (deletion neighbourhoods; Mor and Fraenkel 1982, as in
SymSpell). Each hash is a polynomial modulo 2^64; cumulative sums give all hashes of a text at once. Every match by hash
is compared as text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.text.folding import Flat, mix

SHORTEST_BYTES = 8  # of UTF-8: three Hangul syllables, eight Latin letters; in a shorter text one edit changes a word
LONGEST = 120  # characters; longer texts are compared by their 5-grams (`shingles.py`)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_BACK = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
_HIDDEN, _WHOLE = np.uint64(0xD1B54A32D192ED03), np.uint64(0x8CB92BA72F3D8DD7)
_FILTER_BITS = 24


def within_reach(texts: Sequence[str]) -> np.ndarray:
    """Return which texts are neither too short nor too long to be compared, bool [N]."""
    size_N = np.fromiter((len(text) for text in texts), np.int64, len(texts))
    short_N = np.fromiter((len(text.encode("utf-8", "replace")) for text in texts), np.int64, len(texts))
    return (short_N >= SHORTEST_BYTES) & (size_N <= LONGEST)


def one_edit(one: str, other: str) -> bool:
    """Return whether one substitution, insertion or deletion turns `one` into `other`."""
    end = min(len(one), len(other))
    first = next((place for place in range(end) if one[place] != other[place]), end)
    rest, tail = one[first:], other[first:]
    return one != other and (rest[1:] == tail[1:] or rest[1:] == tail or rest == tail[1:])


def _hashes(texts: Sequence[str]) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return (keys, numbers of their texts) for texts with one character hidden, with one deleted, and whole."""
    flat = Flat.of(texts)
    row_M, place_M = flat.row_M, flat.place_M
    # hash of a text = sum of code * base^place; total[m]: the sum of all terms before character m
    powers = np.cumprod(np.concatenate([[np.uint64(1)], np.full(LONGEST + 1, _BASE)]))
    term_M = flat.code_M * powers[place_M]
    total = np.concatenate([[np.uint64(0)], np.cumsum(term_M)])
    whole_N = total[flat.start_N + flat.length_N] - total[flat.start_N]
    before_M = total[:-1] - total[flat.start_N][row_M]
    hidden_M = whole_N[row_M] - term_M + _HIDDEN * powers[place_M]  # the term of a character replaced
    # A character deleted: the terms after it move one place forward, so they are divided by the base.
    out_M = before_M + (whole_N[row_M] - before_M - term_M) * _BACK
    # In a run of equal characters, deleting any of them gives the same text: one hash is enough.
    kept = np.ones(len(row_M), bool)
    kept[1:] = (flat.code_M[1:] != flat.code_M[:-1]) | (place_M[1:] == 0)
    rows = row_M.astype(np.int32)
    whole = np.arange(len(texts), dtype=np.int32)
    return (mix(hidden_M ^ _HIDDEN), rows), (mix(out_M[kept]), rows[kept]), (mix(whole_N), whole)


def partners(texts: Sequence[str]) -> np.ndarray:
    """Return for each of N different texts another one that is one edit apart, int64 [N]; -1 where there is none."""
    found_N = np.full(len(texts), -1, np.int64)
    inside = np.flatnonzero(within_reach(texts))
    if not len(inside):
        return found_N
    hidden, out, whole = _hashes([texts[row] for row in inside])
    key, row = np.concatenate([hidden[0], out[0], whole[0]]), np.concatenate([hidden[1], out[1], whole[1]])
    is_whole = np.arange(len(key)) >= len(key) - len(whole[0])
    order = _shared(key)
    key, row, is_whole = key[order], row[order], is_whole[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, np.int64)
    size = np.diff(np.r_[first, len(key)])
    # Equal keys form a group, sorted hidden, deleted, whole. A text with a deletion is paired with the whole text, the
    # last of its group; other texts of a group are paired with the first, the first with the last.
    mate = np.repeat(row[first], size)
    last = np.repeat(row[first + size - 1], size)
    left_out = np.repeat(is_whole[first + size - 1], size)
    mate = np.where(left_out & ~is_whole, last, np.where(mate == row, last, mate))
    real = (mate != row) & (left_out | _is_hidden(order, len(hidden[0])))
    mine, at = np.unique(row[real], return_index=True)
    for this, its in zip(inside[mine], inside[mate[real][at]]):
        if one_edit(texts[this], texts[its]):
            found_N[this] = its
    return found_N


def _shared(key_M: np.ndarray) -> np.ndarray:
    """Return the places of all keys that occur more than once, sorted by key, then by place."""
    # Only the keys that a filter calls possibly shared are sorted with their places: far fewer than all.
    ordered = np.sort(key_M)
    top = np.uint64(64 - _FILTER_BITS)
    maybe = np.zeros(1 << _FILTER_BITS, bool)
    maybe[ordered[1:][ordered[1:] == ordered[:-1]] >> top] = True
    place = np.flatnonzero(maybe[key_M >> top])
    place = place[np.argsort(key_M[place], kind="stable")]
    same = key_M[place][1:] == key_M[place][:-1]
    return place[np.r_[False, same] | np.r_[same, False]] if len(place) else place


def _is_hidden(order: np.ndarray, hidden: int) -> np.ndarray:
    """Return which keys are of texts with a hidden character: two texts equal after a deletion in each are no match."""
    return order < hidden


class OneEditIndex:
    """N different reference texts compared with a stream of texts; found_N: the first text one edit apart, or -1."""

    def __init__(self, texts: Sequence[str]):
        self.texts, self.inside = texts, np.flatnonzero(within_reach(texts))
        self.found_N = np.full(len(texts), -1, np.int64)
        if not len(self.inside):
            return
        hidden, out, whole = _hashes([texts[row] for row in self.inside])
        key = np.concatenate([hidden[0], out[0], whole[0] ^ _WHOLE])
        row = np.concatenate([hidden[1], out[1], whole[1]])
        order = np.argsort(key, kind="stable")
        self.member, key = row[order], key[order]
        first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        self.key, self.first, self.size = key[first], first, np.diff(np.r_[first, len(key)])
        self.done = np.zeros(len(first), bool)
        self.filter = np.zeros(1 << _FILTER_BITS, bool)
        self.filter[self.key >> np.uint64(64 - _FILTER_BITS)] = True

    def add(self, texts: Sequence[str]) -> None:
        """Compare the next texts, all different; references without a match get a place in `texts` in `found_N`."""
        inside = np.flatnonzero(within_reach(texts))
        if not len(self.inside) or not len(inside):
            return
        hidden, out, whole = _hashes([texts[row] for row in inside])
        key = np.concatenate([hidden[0], whole[0], out[0] ^ _WHOLE])
        row = np.concatenate([hidden[1], whole[1], out[1]])
        maybe = np.flatnonzero(self.filter[key >> np.uint64(64 - _FILTER_BITS)])
        key, row = key[maybe], row[maybe]
        group = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        hit = (self.key[group] == key) & ~self.done[group]
        for place, mate in zip(group[hit].tolist(), inside[row[hit]].tolist()):
            if not self.done[place]:
                self._meet(place, texts[mate], mate)

    def _meet(self, place: int, text: str, number: int) -> None:
        """Give `text` to every member of a group; a member that equals it (there is at most one) stays in the group."""
        equal = -1
        for position in range(self.first[place], self.first[place] + self.size[place]):
            mine = self.inside[self.member[position]]
            if self.texts[mine] == text:
                equal = position
            elif self.found_N[mine] < 0 and one_edit(self.texts[mine], text):
                self.found_N[mine] = number
        self.done[place] = equal < 0
        self.first[place], self.size[place] = max(equal, 0), 1
