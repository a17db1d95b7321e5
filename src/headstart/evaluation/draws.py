"""Label draws: nested, class-balanced random subsets of the labelled pool, the same for every route."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import numpy_generator
from headstart.evaluation.folds import fold_parts, units


def draw(
    labels_N: np.ndarray, sizes: Sequence[int], draws: int, seed: int, groups: Sequence[str] | None = None
) -> list[dict[int, np.ndarray]]:
    """Return one {size: int64 rows} per draw; in a draw the bigger subset begins with the smaller one.

    labels_N: int64 class of every row of the pool. Classes take turns, in a new random order each turn, so that class
    counts differ by at most one until a class is used up, and every class is there as soon as size >= classes.
    groups: rows of one group follow each other, so that a draw holds whole groups save the last one of each class.
    A draw depends on nothing but (labels, groups, seed, its number): other sizes or more draws leave it as it is.
    Raises HeadstartError when a size is not between 1 and the number of rows.
    """
    labels_N = np.asarray(labels_N)
    sizes = check_sizes(sizes, len(labels_N))
    if draws < 1:
        raise HeadstartError(f"draws={draws}: at least 1 is needed (10 gives useful intervals)")
    orders = (_order(labels_N, numpy_generator(seed, "draw", number), groups) for number in range(draws))
    return [{size: order[:size].copy() for size in sizes} for order in orders]


def check_sizes(sizes: Sequence[int], pool: int) -> list[int]:
    """Return the label counts sorted and each once. Raises HeadstartError when one is not between 1 and `pool`."""
    if not sizes:
        raise HeadstartError("no label counts given (for example 16,64,256)")
    for size in sizes:
        if not 1 <= size <= pool:
            raise HeadstartError(f"labels={size}: the labelled pool has {pool} rows, so 1 to {pool} are allowed")
    return sorted({int(size) for size in sizes})


def _order(labels_N: np.ndarray, random: np.random.Generator, groups: Sequence[str] | None) -> np.ndarray:
    """Return all rows in the order in which a draw takes them, int64 [N]."""
    group_N = np.arange(len(labels_N)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    place_G = random.permutation(int(group_N.max()) + 1)
    shuffled_N = random.permutation(len(labels_N))
    shuffled_N = shuffled_N[np.argsort(place_G[group_N[shuffled_N]], kind="stable")]
    turn_N = np.empty(len(labels_N), np.int64)
    for label in np.unique(labels_N):
        rows = shuffled_N[labels_N[shuffled_N] == label]
        turn_N[rows] = np.arange(len(rows))
    return np.lexsort((random.random(len(labels_N)), turn_N)).astype(np.int64)


def overlap(subsets: Sequence[np.ndarray]) -> float:
    """Return the mean share of rows that two of these equally large subsets have in common, 0 to 1 (0 for one)."""
    if len(subsets) < 2:
        return 0.0
    times = np.unique(np.concatenate(subsets), return_counts=True)[1].astype(float)
    pairs = len(subsets) * (len(subsets) - 1)
    return float((times * (times - 1)).sum() / (pairs * len(subsets[0])))


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows a cell learns from and which it is asked, as pairs of int64 row numbers; None asks every test row.

    One pair for a label draw, one per fold for a repetition of a cross-validation. drawn: how to draw it again.
    """

    parts: tuple[tuple[np.ndarray, np.ndarray | None], ...]
    drawn: dict[str, Any]

    @property
    def size(self) -> int:
        """The label count: rows learnt from (of a cross-validation: of its smallest fold)."""
        return self.drawn["size"]

    @property
    def draw(self) -> int:
        """The number of the draw or repetition, from 0."""
        return self.drawn["draw"]

    @cached_property
    def identity(self) -> str:
        """SHA-256 over all row numbers in their order."""
        digest = hashlib.sha256()
        for rows in (rows for part in self.parts for rows in part):
            digest.update(b"all" if rows is None else np.asarray(rows, "<i8").tobytes() + b"|")
        return digest.hexdigest()


def label_splits(train: Examples, sizes: Sequence[int], draws: int, seed: int) -> list[Split]:
    """Return the splits of nested label draws, draws outermost, sizes ascending. Raises HeadstartError, see `draw`."""
    subsets = draw(train.labels, sizes, draws, seed, train.groups)
    return [
        Split(((rows, None),), {"how": "labels", "seed": seed, "draw": number, "size": size})
        for number, subset in enumerate(subsets)
        for size, rows in subset.items()
    ]


def fold_splits(pool: Examples, folds: int, repetitions: int, seed: int) -> list[Split]:
    """Return one split per repetition of a k-fold cross-validation of the pool, equal texts and groups kept whole.

    Raises HeadstartError, see `fold_parts`.
    """
    made = [fold_parts(pool.labels, folds, seed, number, units(pool)) for number in range(repetitions)]
    size = min(len(learnt) for parts in made for learnt, _ in parts)
    how = {"how": "folds", "folds": folds, "seed": seed}
    return [Split(tuple(parts), how | {"draw": number, "size": size}) for number, parts in enumerate(made)]


def split_again(train: Examples, drawn: Mapping[str, Any]) -> Split:
    """Return the split that a receipt tells of, drawn again."""
    if drawn["how"] == "folds":
        return fold_splits(train, drawn["folds"], drawn["draw"] + 1, drawn["seed"])[-1]
    return label_splits(train, [drawn["size"]], drawn["draw"] + 1, drawn["seed"])[-1]
