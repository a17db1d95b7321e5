"""Repeated k-fold cross-validation of a labelled pool, stratified, groups kept whole (Kohavi, IJCAI 1995)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import numpy_generator


def units(examples: Examples) -> np.ndarray:
    """Return the number of the unit of each row, int64 [N]: rows with equal texts, joined with their groups.

    Rows of one unit belong on one side of any split, or the test would ask what was learnt by heart.
    """
    text_N = _numbered(list(zip(examples.first, examples.second or examples.first)))
    if examples.groups is None:
        return text_N
    group_N = _numbered(examples.groups)
    groups = int(group_N.max(initial=-1)) + 1
    size = groups + int(text_N.max(initial=-1)) + 1
    links = coo_array((np.ones(len(examples), np.int8), (group_N, groups + text_N)), shape=(size, size))
    return connected_components(links, directed=False)[1][group_N].astype(np.int64)


def _numbered(keys: Sequence) -> np.ndarray:
    """Return the number of each key in sorted order, int64 [N]."""
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([numbers[key] for key in keys], np.int64)


def fold_parts(
    labels_N: np.ndarray, folds: int, seed: int, number: int, groups: Sequence | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (rows trained on, rows asked) of each fold of repetition `number`; every row is asked exactly once.

    Groups (single rows where there are none) are dealt class by class, the bigger ones first, so that class counts are
    even and no group is split apart. Raises HeadstartError: fewer than 2 folds, or more than groups.
    """
    labels_N = np.asarray(labels_N)
    group_N = np.arange(len(labels_N)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    _, first_G, sizes_G = np.unique(group_N, return_index=True, return_counts=True)
    if not 2 <= folds <= len(first_G):
        what = "rows" if groups is None else "different rows or groups"
        raise HeadstartError(f"--folds {folds}: 2 to {len(first_G)} are possible with {len(first_G)} {what}")
    random = numpy_generator(seed, "cross-validation", number)
    dealt = np.lexsort((random.random(len(first_G)), -sizes_G, labels_N[first_G]))
    fold_G = np.empty(len(first_G), np.int64)
    fold_G[dealt] = np.arange(len(first_G)) % folds
    fold_N = fold_G[group_N]
    return [(np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)) for fold in range(folds)]
