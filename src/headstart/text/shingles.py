"""Long texts that share most of their 5-grams: Jaccard similarity of character 5-grams, candidates by MinHash bands.

One-permutation MinHash with rotation for empty bins (Li, Owen, Zhang 2012; Shrivastava and Li 2014), its bands as keys
(Broder 1997; Leskovec et al., Mining of Massive Datasets, chapter 3). Every candidate is compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from headstart.text.folding import Flat, mix

SHORTEST = 100  # characters; shorter texts are compared letter by letter (`one_edit`)
SIMILAR = 0.8
_PIECE, _BANDS, _ROWS = 5, 20, 6
_BINS = _BANDS * _ROWS
_LIKELY = 0.65  # share of equal bins; with 120 bins a similarity of 0.8 falls below it once in 40,000 times
_MOST_MATES, _CHARACTERS = 4, 4_000_000
_ROLL = np.array([0x9E3779B97F4A7C15 * (2 * power + 1) % 2**64 for power in range(_PIECE)], np.uint64)


def similarity(one: str, other: str) -> float:
    """Return the number of different 5-grams in both texts over the number in either."""
    first, second = (np.unique(_pieces(Flat.of([text]))[0]) for text in (one, other))
    both = len(np.intersect1d(first, second, assume_unique=True))
    return both / max(len(first) + len(second) - both, 1)


def _pieces(flat: Flat) -> tuple[np.ndarray, np.ndarray]:
    """Return (hash of each 5-gram, number of its text)."""
    if len(flat.code_M) < _PIECE:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    last = len(flat.code_M) - _PIECE + 1
    piece_M = np.zeros(last, np.uint64)
    for shift, factor in enumerate(_ROLL):
        piece_M += flat.code_M[shift : shift + last] * factor
    row_M = flat.row_M
    # A 5-gram that begins in one text and ends in the next is none.
    inside = row_M[:last] == row_M[_PIECE - 1 :]
    return mix(piece_M[inside]), row_M[:last][inside]


def sketches(texts: Sequence[str]) -> np.ndarray:
    """Return the sketch of each text, uint32 [N, bins]: the smallest hash of its 5-grams in each bin."""
    parts = [np.zeros((0, _BINS), np.uint32)]
    for some in _portions(texts):
        piece, row = _pieces(Flat.of(some))
        table = np.full(len(some) * _BINS, 2**32 - 1, np.uint32)
        place = row * _BINS + ((piece >> np.uint64(32)) % np.uint64(_BINS)).astype(np.int64)
        np.minimum.at(table, place, (piece & np.uint64(2**32 - 1)).astype(np.uint32))
        table = table.reshape(len(some), _BINS)
        for _ in range(_BINS):
            empty = table == 2**32 - 1
            if not empty.any():
                break
            table = np.where(empty, np.roll(table, -1, axis=1), table)
        parts.append(table)
    return np.concatenate(parts)


def _portions(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of a few million characters."""
    some, size = [], 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= _CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some


def bands(sketch_NK: np.ndarray) -> np.ndarray:
    """Return one key for each band of six bins, uint64 [N, bands]."""
    key_NB = np.zeros((len(sketch_NK), _BANDS), np.uint64)
    for place in range(_ROWS):
        key_NB = mix(key_NB ^ sketch_NK[:, place::_ROWS].astype(np.uint64) + np.uint64(place + 1))
    return key_NB


def long_enough(texts: Sequence[str]) -> np.ndarray:
    """Return the numbers of the texts that are compared by their 5-grams, int64."""
    return np.flatnonzero(np.fromiter((len(text) >= SHORTEST for text in texts), bool, len(texts)))


def partners(texts: Sequence[str]) -> np.ndarray:
    """Return for each of N different texts the likeliest other text that is SIMILAR, int64 [N]; -1 for none."""
    found_N = np.full(len(texts), -1, np.int64)
    inside = long_enough(texts)
    if len(inside) < 2:
        return found_N
    sketch_NK = sketches([texts[row] for row in inside])
    key_NB = bands(sketch_NK)
    pairs = []
    for band in range(_BANDS):
        # Sorted by this band and then the next, texts equal in both are neighbours: neighbours are the likeliest pairs.
        order = np.lexsort((key_NB[:, (band + 1) % _BANDS], key_NB[:, band]))
        same = key_NB[order[1:], band] == key_NB[order[:-1], band]
        pairs.append(np.stack([order[1:][same], order[:-1][same]], axis=1))
    pair_P2 = np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
    pair_P2 = np.concatenate([pair_P2, pair_P2[:, ::-1]])
    likely_P = _agreement(sketch_NK, pair_P2[:, 0], sketch_NK, pair_P2[:, 1])
    order = np.lexsort((pair_P2[:, 1], -likely_P, pair_P2[:, 0]))
    mine, at = np.unique(pair_P2[order, 0], return_index=True)
    for this, best in zip(mine, order[at]):
        this, its = inside[this], inside[pair_P2[best, 1]]
        likely = likely_P[best] >= _LIKELY and found_N[this] < 0
        if likely and similarity(texts[this], texts[its]) >= SIMILAR:
            found_N[this], found_N[its] = its, this
    return found_N


def _agreement(one_NK: np.ndarray, one_P: np.ndarray, other_NK: np.ndarray, other_P: np.ndarray) -> np.ndarray:
    """Return the share of equal bins of each pair, float [P]."""
    parts = [np.zeros(0)]
    for start in range(0, len(one_P), 20_000):
        some = slice(start, start + 20_000)
        parts.append((one_NK[one_P[some]] == other_NK[other_P[some]]).mean(axis=1))
    return np.concatenate(parts)


class ShingleIndex:
    """N different reference texts compared with a stream of texts; found_N: a text that is SIMILAR, or -1."""

    def __init__(self, texts: Sequence[str]):
        self.texts, self.inside = texts, long_enough(texts)
        self.found_N = np.full(len(texts), -1, np.int64)
        self.sketch_NK = sketches([texts[row] for row in self.inside])
        key_NB = bands(self.sketch_NK)
        self.orders = np.argsort(key_NB, axis=0, kind="stable")
        self.keys = np.take_along_axis(key_NB, self.orders, axis=0)

    def add(self, texts: Sequence[str]) -> None:
        """Compare the next texts; references without a match get a place in `texts` in `found_N`."""
        inside = long_enough(texts)
        if not len(self.inside) or not len(inside):
            return
        sketch_PK = sketches([texts[row] for row in inside])
        key_PB = bands(sketch_PK)
        pairs = [self._mates(band, key_PB[:, band]) for band in range(_BANDS)]
        pair_P2 = np.unique(np.concatenate(pairs), axis=0)
        likely_P = _agreement(self.sketch_NK, pair_P2[:, 0], sketch_PK, pair_P2[:, 1])
        for place in np.lexsort((pair_P2[:, 1], -likely_P)):
            mine, its = self.inside[pair_P2[place, 0]], inside[pair_P2[place, 1]]
            if likely_P[place] < _LIKELY:
                break
            if self.found_N[mine] >= 0 or self.texts[mine] == texts[its]:
                continue
            if similarity(self.texts[mine], texts[its]) >= SIMILAR:
                self.found_N[mine] = its

    def _mates(self, band: int, key_P: np.ndarray) -> np.ndarray:
        """Return (reference, stream) numbers of texts with equal keys; of a large group a few, chosen in turns."""
        low_P = np.searchsorted(self.keys[:, band], key_P)
        size_P = np.searchsorted(self.keys[:, band], key_P, side="right") - low_P
        number_P = np.arange(len(key_P))
        out = []
        for turn in range(_MOST_MATES):
            some = size_P > turn
            place = low_P[some] + (number_P[some] + turn) % size_P[some]
            out.append(np.stack([self.orders[place, band], number_P[some]], axis=1))
        return np.concatenate(out)
