"""Leaves out documents that came before, letter by letter or nearly (MinHash, as for GPT-3, arXiv:2005.14165)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.spec import FilterSpec
from headstart.data.filtering import Filter
from headstart.text.folding import fold, hash_of
from headstart.text.shingles import SHORTEST, bands, sketches

_EXACT, _NEAR = "copies: came before", "copies: nearly came before"


@dataclass(frozen=True, kw_only=True)
class Copies(FilterSpec):
    """similar: share of the character 5-grams of two documents that both have, from which the later one is left out; 1:
    only equal letters count. Shorter documents than 100 letters must be equal. A document takes 300 bytes of memory."""

    similar: float = 0.8

    def build(self) -> Filter:
        """See `FilterSpec.build`. Raises HeadstartError: a share that is none."""
        if not 0.5 <= self.similar <= 1:
            raise HeadstartError(f"filter.copies.similar={self.similar}: expected 0.5 to 1")
        return _ByEarlier(self)


class _ByEarlier(Filter):
    looks = 1

    def __init__(self, spec: Copies):
        self.spec = spec
        self.digests: list[np.ndarray] = []  # uint64 of the fold of each document
        self.long: list[np.ndarray] = []  # numbers of documents that are long enough for 5-grams
        self.keys: list[np.ndarray] = []  # their bands, uint64 [n, bands]
        self.bins: list[np.ndarray] = []  # their sketches, 8 bits a bin (Li and König 2010), uint8 [n, bins]
        self.documents = self.judged = 0
        self.reasons: dict[int, str] | None = None

    def look(self, texts: Sequence[str], turn: int) -> None:
        """See `Filter.look`."""
        folds = [fold(text) for text in texts]
        self.digests.append(np.array([hash_of(one) for one in folds], np.uint64))
        inside = [number for number, one in enumerate(folds) if len(one) >= SHORTEST and self.spec.similar < 1]
        if inside:
            sketch = sketches([folds[number] for number in inside])
            self.long.append(np.array(inside) + self.documents)
            self.keys.append(bands(sketch))
            self.bins.append((sketch & 0xFF).astype(np.uint8))
        self.documents += len(texts)

    def _found(self) -> dict[int, str]:
        """Return the reasons by the numbers of the documents that are left out."""
        reasons: dict[int, str] = {}
        if self.long:
            numbers, keys, bins = map(np.concatenate, (self.long, self.keys, self.bins))
            reasons = dict.fromkeys(numbers[_near(keys, bins, self.spec.similar)].tolist(), _NEAR)
        digests = np.concatenate(self.digests or [np.zeros(0, np.uint64)])
        again = np.ones(len(digests), bool)
        again[np.unique(digests, return_index=True)[1]] = False  # the first of equal ones stays
        return reasons | dict.fromkeys(np.flatnonzero(again).tolist(), _EXACT)

    def judge(self, texts: Sequence[str]) -> list[str]:
        """See `Filter.judge`."""
        if self.reasons is None:
            self.reasons = self._found()
            self.digests, self.long, self.keys, self.bins = [], [], [], []
        numbers = range(self.judged, self.judged + len(texts))
        self.judged += len(texts)
        return [self.reasons.get(number, "") for number in numbers]


def _near(key_NB: np.ndarray, bin_NK: np.ndarray, similar: float) -> np.ndarray:
    """Return whether an earlier row is similar, bool [N].

    Rows that share the key of a band are compared with the first of the key and with the one before; the share of equal
    bins estimates the similarity, with a standard deviation of .04 (120 bins).
    """
    near_N = np.zeros(len(key_NB), bool)
    for key_N in key_NB.T:
        order = np.argsort(key_N, kind="stable")  # stable: rows of a key stay in the order of the corpus
        ordered = key_N[order]
        begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        first = order[np.repeat(begins, np.diff(np.r_[begins, len(order)]))]
        before = np.r_[order[:1], order[:-1]]
        later = np.ones(len(order), bool)
        later[begins] = False
        for mate in (first, before):
            at = np.flatnonzero(later & ~near_N[order])
            near_N[order[at]] = (bin_NK[order[at]] == bin_NK[mate[at]]).mean(axis=1) >= similar
    return near_N
