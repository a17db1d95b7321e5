"""Copies of rows inside one split and in another one: exact, normalised (equal folds), near (see `docs/audit.md`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.auditing import one_edit, shingles

KINDS = ("exact", "normalised", "near")  # strongest first; in arrays 1, 2, 3, and 0 for none


@dataclass(frozen=True)
class CopiesWithin:
    """The copies among N rows of one split: for each row another row that it copies, or -1.

    exact_N, normalised_N: the first row with the same text or fold, -1 for that first row itself. near_N: a row with
    another fold; both rows of a near pair have one.
    """

    exact_N: np.ndarray
    normalised_N: np.ndarray
    near_N: np.ndarray

    def partner(self, kind: str) -> np.ndarray:
        """Return the array of a kind of copy."""
        return {"exact": self.exact_N, "normalised": self.normalised_N, "near": self.near_N}[kind]


def first_with(keys: Sequence) -> np.ndarray:
    """Return for each of N keys the number of the first equal key, int64 [N]."""
    first: dict = {}
    return np.fromiter((first.setdefault(key, number) for number, key in enumerate(keys)), np.int64, len(keys))


def inside(texts: Sequence, folds: Sequence[str]) -> CopiesWithin:
    """Find the copies among the rows of one split; `texts` are texts, or tuples for pairs."""
    numbers = np.arange(len(folds))
    text_N, fold_N = first_with(texts), first_with(folds)
    distinct = np.flatnonzero(fold_N == numbers)
    different = [folds[row] for row in distinct]
    mate_D = one_edit.partners(different)
    mate_D = np.where(mate_D >= 0, mate_D, shingles.partners(different))
    near = np.full(len(folds), -1, np.int64)
    near[distinct] = np.where(mate_D >= 0, distinct[mate_D], -1)
    near_N = near[fold_N]
    return CopiesWithin(np.where(text_N < numbers, text_N, -1), np.where(fold_N < numbers, fold_N, -1), near_N)


class Copies:
    """N reference rows, such as test rows, compared with a stream of rows, such as training rows or a corpus."""

    def __init__(self, texts: Sequence, folds: Sequence[str]):
        self._fold_N = first_with(folds)
        self._distinct = np.flatnonzero(self._fold_N == np.arange(len(folds)))
        self._texts = dict.fromkeys(texts, -1)
        self._folds = {folds[row]: -1 for row in self._distinct}
        self._order = texts, folds
        different = list(self._folds)
        self._near = one_edit.OneEditIndex(different), shingles.ShingleIndex(different)
        self.seen = 0

    def add(self, texts: Sequence, folds: Sequence[str]) -> list[int]:
        """Compare the next rows of the stream; return the numbers of those that `result` may name."""
        first: dict[str, int] = {}
        named = []
        for number, (text, fold) in enumerate(zip(texts, folds, strict=True), self.seen):
            first.setdefault(fold, number)
            if fold in self._folds:
                new = self._folds[fold] < 0, self._texts.get(text, 0) < 0
                if new[0]:
                    self._folds[fold] = number
                if new[1]:
                    self._texts[text] = number
                if any(new):
                    named.append(number)
        different, number_F = list(first), np.fromiter(first.values(), np.int64, len(first))
        for index in self._near:
            before = index.found_N < 0
            index.add(different)
            new_N = before & (index.found_N >= 0)  # found_N of these is a place in `different`
            index.found_N[new_N] = number_F[index.found_N[new_N]]
            named.extend(index.found_N[new_N].tolist())
        self.seen += len(folds)
        return named

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (strongest kind of copy: 0 none, 1 exact, 2 normalised, 3 near; its row of the stream), [N] each."""
        texts, folds = self._order
        exact_N = np.fromiter((self._texts[text] for text in texts), np.int64, len(texts))
        fold_N = np.fromiter((self._folds[fold] for fold in folds), np.int64, len(folds))
        number = np.zeros(len(folds), np.int64)
        number[self._distinct] = np.arange(len(self._distinct))
        edit, share = (index.found_N[number[self._fold_N]] for index in self._near)
        near_N = np.where(edit >= 0, edit, share)
        kind_N = np.select([exact_N >= 0, fold_N >= 0, near_N >= 0], [1, 2, 3], 0)
        return kind_N, np.select([exact_N >= 0, fold_N >= 0, near_N >= 0], [exact_N, fold_N, near_N], -1)
