"""How expected a text is by its character 4-grams: Dirichlet-smoothed hashed counts (MacKay and Peto 1995)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.text.folding import Flat, mix

_ORDER, _SLOTS = 4, 1 << 22
_STRENGTH = 3.0  # how many occurrences of a context the estimate without its first character is worth
_RARE = 2.0**-14  # probability of a character never seen
_STEP = np.uint64(0x9E3779B97F4A7C15)


class CharacterNgrams:
    """Counts of the runs of 1 to 4 characters of texts; each takes 16 MB. learned: characters that were counted."""

    def __init__(self) -> None:
        self.counts = [np.zeros(_SLOTS, np.uint32) for _ in range(_ORDER)]
        self.learned = 0

    def learn(self, texts: Sequence[str]) -> None:
        """Count the runs of these texts."""
        flat = Flat.of(texts)
        for count, (key_M, whole_M) in zip(self.counts, _runs(flat)):
            np.add.at(count, _slot(key_M[whole_M]), 1)
        self.learned += len(flat.code_M)

    def bits(self, texts: Sequence[str], among: bool) -> np.ndarray:
        """Return the mean bits of a character of each text, float [N]; 0 for an empty one.

        among: whether the texts were learned; what they were counted themselves is then taken off, so that a text is
        expected by the others alone.
        """
        flat = Flat.of(texts)
        size = len(flat.code_M)
        row_M = flat.row_M
        chance_M = np.full(size, _RARE)
        # The context of order 0 is no character: all that were counted.
        context_M = self.learned - (flat.length_N[row_M] if among else np.zeros(size))
        for order, (key_M, whole_M) in enumerate(_runs(flat)):
            count_M = self.counts[order][_slot(key_M)].astype(np.float64)
            if among:
                count_M -= _own(key_M, row_M)
            count_M = np.maximum(count_M, 0.0)
            better_M = (count_M + _STRENGTH * chance_M) / (context_M + _STRENGTH)
            # Slots are shared, so that a run may seem to come more often than its context.
            chance_M = np.where(whole_M, np.minimum(better_M, 1.0), chance_M)
            # The context of the next order at a place is the run of this order that ends one character before.
            context_M = np.r_[0.0, count_M[:-1]] if size else count_M
        bits_N = np.bincount(row_M, -np.log2(chance_M), minlength=len(texts))
        return bits_N / np.maximum(flat.length_N, 1)


def _runs(flat: Flat) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for 1 to 4 characters (hash of the run that ends at each character, whether it lies within one text)."""
    out = [(flat.code_M, np.ones(len(flat.code_M), bool))]
    place_M = flat.place_M
    for order in range(1, _ORDER):
        before_M = np.r_[np.uint64(0), out[-1][0][:-1]]
        out.append((mix(before_M * _STEP + flat.code_M), place_M >= order))
    return out


def _slot(key_M: np.ndarray) -> np.ndarray:
    return (key_M % np.uint64(_SLOTS)).astype(np.int64)


def _own(key_M: np.ndarray, row_M: np.ndarray) -> np.ndarray:
    """Return how often each run comes in its own text."""
    mine_M = mix(key_M ^ mix(row_M.astype(np.uint64) + np.uint64(1)))
    _, at_M, times = np.unique(mine_M, return_inverse=True, return_counts=True)
    return times[at_M]
