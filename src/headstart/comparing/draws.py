"""Label draws: nested, class-balanced random subsets of the labelled pool, the same for every entry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from headstart.comparing.settings import StudyData, StudySettings
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.data.splits import fold_parts, strata, units


def draw(
    labels_N: np.ndarray, sizes: Sequence[int], draws: int, seed: int, groups: Sequence[str] | None = None
) -> list[dict[int, np.ndarray]]:
    """Return one {size: int64 rows} per draw; in a draw the bigger subset begins with the smaller one.

    labels_N: int64 class of every row of the pool. Classes take turns, in a new random order each turn, so that class
    counts differ by at most one until a class is used up, and a draw of as many labels as there are classes has every
    class. groups: rows of one group follow each other, so that a draw holds whole groups except the last group of each
    class. A draw depends on nothing but (labels, groups, seed, its number): other sizes or more draws do not change it.
    Raises HeadstartError when a size is not between 1 and the number of rows.
    """
    labels_N = np.asarray(labels_N)
    sizes = check_sizes(sizes, len(labels_N))
    if draws < 1:
        raise HeadstartError(f"draws={draws}: at least 1 is needed (10 gives useful intervals)")
    return [one_draw(labels_N, sizes, number, seed, groups) for number in range(draws)]


def one_draw(
    labels_N: np.ndarray, sizes: Sequence[int], number: int, seed: int, groups: Sequence[str] | None = None
) -> dict[int, np.ndarray]:
    """Return draw `number`, from 0, of those that `draw` returns; sizes: checked, ascending."""
    order = _order(np.asarray(labels_N), numpy_generator(seed, "draw", number), groups)
    return {size: order[:size].copy() for size in sizes}


def check_sizes(sizes: Sequence[int], pool: int) -> list[int]:
    """Return the label counts sorted, without repetition. Raises HeadstartError: one is not between 1 and `pool`."""
    if not sizes:
        raise HeadstartError("no label counts given (for example 16,64,256)")
    for size in sizes:
        if not 1 <= size <= pool:
            raise HeadstartError(f"labels={size}: the labelled pool has {pool:,} rows, so 1 to {pool:,} are allowed")
    return sorted({int(size) for size in sizes})


def _order(labels_N: np.ndarray, random: np.random.Generator, groups: Sequence[str] | None) -> np.ndarray:
    """Return all rows in the order in which a draw takes them, int64 [N]."""
    group_N = np.arange(len(labels_N)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    place_G = random.permutation(int(group_N.max()) + 1)
    shuffled_N = random.permutation(len(labels_N))
    shuffled_N = shuffled_N[np.argsort(place_G[group_N[shuffled_N]], kind="stable")]
    # turn_N: how many rows of its class come before a row; rows are taken by turn, within a turn at random
    turn_N = np.empty(len(labels_N), np.int64)
    for label in np.unique(labels_N):
        rows = shuffled_N[labels_N[shuffled_N] == label]
        turn_N[rows] = np.arange(len(rows))
    return np.lexsort((random.random(len(labels_N)), turn_N)).astype(np.int64)


def overlap(subsets: Sequence[np.ndarray]) -> float:
    """Return the mean share of rows that two of these equally large subsets have in common (0 for a single subset)."""
    if len(subsets) < 2:
        return 0.0
    times = np.unique(np.concatenate(subsets), return_counts=True)[1].astype(float)
    pairs = len(subsets) * (len(subsets) - 1)
    return float((times * (times - 1)).sum() / (pairs * len(subsets[0])))


@dataclass(frozen=True, eq=False)
class Split:
    """The rows that a cell learns from and the test rows that it is asked.

    parts: pairs of int64 row numbers (learnt, asked), where None asks every test row: one pair for a label draw, a pair
    for each fold of a repetition of a cross-validation. drawn: how to draw the split again.
    """

    parts: tuple[tuple[np.ndarray, np.ndarray | None], ...]
    drawn: dict[str, Any]

    @property
    def size(self) -> int:
        """The label count: the number of rows learnt from, in a cross-validation the smallest such number."""
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
    subsets = draw(strata(train), sizes, draws, seed, train.groups)
    return [
        Split(((rows, None),), {"how": "labels", "seed": seed, "draw": number, "size": size})
        for number, subset in enumerate(subsets)
        for size, rows in subset.items()
    ]


def fold_splits(pool: Examples, folds: int, repetitions: int, seed: int) -> list[Split]:
    """Return one split per repetition of a k-fold cross-validation of the pool, equal texts and groups kept whole.

    Raises HeadstartError: a task whose answers depend on the rows asked together; besides, see `fold_parts`.
    """
    if registry.load("task", pool.task).together:
        raise HeadstartError(
            f"--folds {folds}: task {pool.task} searches all rows that are asked together, and a fold has only a part "
            "of them; give --test FILE, or leave --folds out"
        )
    made = [fold_parts(strata(pool), folds, seed, number, units(pool)) for number in range(repetitions)]
    size = min(len(learnt) for parts in made for learnt, _ in parts)
    how = {"how": "folds", "folds": folds, "seed": seed}
    return [Split(tuple(parts), how | {"draw": number, "size": size}) for number, parts in enumerate(made)]


def lent_splits(
    train: Examples, test: Examples, sizes: Sequence[int], draws: int, folds: int, seed: int
) -> list[Split]:
    """Return splits in which every test row is asked once, by a model that learned from the pool and other test rows.

    In each draw the test rows are dealt into folds, and for each fold labels are drawn, nested, from the pool and the
    other folds. Rows are numbered through the pool, then the test rows; asked rows through the test rows. Screening,
    which chooses, sees the pool alone, so that no test row is used up by the choice. Raises HeadstartError.
    """
    both, first = train.and_then(test), len(train)
    labels_N = strata(both)
    found = []
    for number in range(draws):
        parts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {size: [] for size in sizes}
        for learnt, asked in fold_parts(strata(test), folds, seed, number, units(test)):
            rows = np.concatenate([np.arange(first), first + learnt])
            groups = both.groups and [both.groups[row] for row in rows]
            for size, taken in one_draw(labels_N[rows], sizes, number, seed, groups).items():
                parts[size].append((rows[taken], asked))
        how = {"how": "lent", "folds": folds, "seed": seed, "draw": number}
        found += [Split(tuple(parts[size]), how | {"size": size}) for size in sizes]
    return found


def splits_of(data: StudyData, settings: StudySettings) -> list[Split]:
    """Return the splits of all cells of an entry, draws outermost. Raises HeadstartError: impossible sizes or folds."""
    if settings.folds is not None:
        return fold_splits(data.train, settings.folds, settings.draws, settings.seed)
    sizes = check_sizes(settings.sizes, data.most_labels)
    if data.lent:
        return lent_splits(data.train, data.test, sizes, settings.draws, data.lent, settings.seed)
    return label_splits(data.train, sizes, settings.draws, settings.seed)


def redraw(train: Examples, drawn: Mapping[str, Any], test: Examples | None = None) -> Split:
    """Return the split that a receipt describes, drawn again; test: the test rows, for splits that lend them."""
    if drawn["how"] == "lent":
        told = drawn["draw"] + 1, drawn["folds"], drawn["seed"]
        return lent_splits(train, test, [drawn["size"]], *told)[-1]
    if drawn["how"] == "folds":
        return fold_splits(train, drawn["folds"], drawn["draw"] + 1, drawn["seed"])[-1]
    return label_splits(train, [drawn["size"]], drawn["draw"] + 1, drawn["seed"])[-1]
