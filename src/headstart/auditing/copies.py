"""Copies of rows inside one split and in another one: exact, normalised (equal folds), near (see `docs/audit.md`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.auditing.items import kind_of
from headstart.text.folding import BETWEEN

KINDS = ("exact", "normalised", "near")  # strongest first; in arrays 1, 2, 3, and 0 for none


@dataclass(frozen=True)
class CopiesWithin:
    """The copies among N rows of one split: for each row another row that it copies, or -1.

    exact_N, normalised_N: the first row with the same item or fold, -1 for that first row itself. near_N: a row with
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


def about_passages(questions: Sequence[str], passages: Sequence[str]) -> list[str]:
    """Return folds of questions that are equal or near for questions on the same passage only, from the folds of both.

    A passage stands at the end as a digest, so that its length says nothing about how near two questions are.
    """
    digests = {text: hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest() for text in passages}
    return [f"{question}{BETWEEN}{digests[text]}" for question, text in zip(questions, passages, strict=True)]


def inside(items: Sequence, folds: Sequence[str]) -> CopiesWithin:
    """Find the copies among the rows of one split; `items` are texts or images, or tuples for pairs."""
    numbers = np.arange(len(folds))
    item_N, fold_N = first_with(items), first_with(folds)
    distinct = np.flatnonzero(fold_N == numbers)
    mate_D = kind_of(items).near([folds[row] for row in distinct])
    near = np.full(len(folds), -1, np.int64)
    near[distinct] = np.where(mate_D >= 0, distinct[mate_D], -1)
    near_N = near[fold_N]
    return CopiesWithin(np.where(item_N < numbers, item_N, -1), np.where(fold_N < numbers, fold_N, -1), near_N)


class Copies:
    """N reference rows, such as test rows, compared with a stream of rows, such as training rows or a corpus."""

    def __init__(self, items: Sequence, folds: Sequence[str]):
        self._fold_N = first_with(folds)
        self._distinct = np.flatnonzero(self._fold_N == np.arange(len(folds)))
        self._items = dict.fromkeys(items, -1)
        self._folds = {folds[row]: -1 for row in self._distinct}
        self._order = items, folds
        different = list(self._folds)
        self._near = kind_of(items).indexes(different)
        self.seen = 0

    def add(self, items: Sequence, folds: Sequence[str]) -> list[int]:
        """Compare the next rows of the stream; return the numbers of those that `result` may name."""
        first: dict[str, int] = {}
        named = []
        for number, (item, fold) in enumerate(zip(items, folds, strict=True), self.seen):
            first.setdefault(fold, number)
            if fold in self._folds:
                new = self._folds[fold] < 0, self._items.get(item, 0) < 0
                if new[0]:
                    self._folds[fold] = number
                if new[1]:
                    self._items[item] = number
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
        items, folds = self._order
        exact_N = np.fromiter((self._items[item] for item in items), np.int64, len(items))
        fold_N = np.fromiter((self._folds[fold] for fold in folds), np.int64, len(folds))
        number = np.zeros(len(folds), np.int64)
        number[self._distinct] = np.arange(len(self._distinct))
        near_N = np.full(len(folds), -1, np.int64)
        for index in self._near:  # the closest kind first
            near_N = np.where(near_N >= 0, near_N, index.found_N[number[self._fold_N]])
        kind_N = np.select([exact_N >= 0, fold_N >= 0, near_N >= 0], [1, 2, 3], 0)
        return kind_N, np.select([exact_N >= 0, fold_N >= 0, near_N >= 0], [exact_N, fold_N, near_N], -1)
