"""Train and test splits of labelled rows: a held-out test part, and repeated stratified k folds; groups stay whole.

Source of the folds: Kohavi, IJCAI 1995.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, digest
from headstart.core.seeds import numpy_generator

_TEST_SHARE, _MOST_TEST_ROWS = 0.25, 10_000
SMALL = 1_000  # rows below which a quarter is too few test rows to tell entries apart
_SMALL_SHARE = 0.5


def units(examples: Examples) -> np.ndarray:
    """Return the number of the unit of each row, int64 [N]: rows with equal items, joined with their groups.

    Rows of one unit must be on one side of a split; otherwise a test could contain memorised rows.
    """
    item_N = _numbered(list(zip(map(digest, examples.items), map(digest, examples.second or examples.items))))
    if examples.groups is None:
        return item_N
    group_N = _numbered(examples.groups)
    groups = int(group_N.max(initial=-1)) + 1
    size = groups + int(item_N.max(initial=-1)) + 1
    links = coo_array((np.ones(len(examples), np.int8), (group_N, groups + item_N)), shape=(size, size))
    return connected_components(links, directed=False)[1][group_N].astype(np.int64)


def strata(examples: Examples) -> np.ndarray:
    """Return what splits and draws are balanced over, int64 [N]: the classes, or one stratum where there are none."""
    return np.zeros(len(examples), np.int64) if examples.labels is None else examples.labels


def _numbered(keys: Sequence) -> np.ndarray:
    """Return the number of each key in sorted order, int64 [N]."""
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([numbers[key] for key in keys], np.int64)


def held_out_test(examples: Examples, seed: int, halves: bool = False) -> tuple[Examples, Examples]:
    """Split off a test part (a quarter or half, at most 10,000 rows); groups stay whole, equal texts on one side.

    No class loses its last training row. Raises HeadstartError: too few rows.
    """
    unit_N, stratum_N = units(examples), strata(examples)
    rows = np.argsort(unit_N, kind="stable")
    ends = np.cumsum(np.bincount(unit_N))
    left_C = np.bincount(stratum_N)
    wanted = min(round((_SMALL_SHARE if halves else _TEST_SHARE) * len(examples)), _MOST_TEST_ROWS)
    in_test = np.zeros(len(examples), bool)
    taken = 0
    for unit in numpy_generator(seed, "test split").permutation(len(ends)):
        if taken == wanted:
            break
        own = rows[ends[unit - 1] if unit else 0 : ends[unit]]
        if taken + len(own) > wanted:
            continue
        own_C = np.bincount(stratum_N[own], minlength=len(left_C))
        if ((own_C > 0) & (own_C == left_C)).any():
            continue
        in_test[own] = True
        taken, left_C = taken + len(own), left_C - own_C
    if not taken:
        raise HeadstartError(f"{len(examples)} labelled rows are too few to hold out a test part; give --test FILE")
    return examples.take(np.flatnonzero(~in_test)), examples.take(np.flatnonzero(in_test))


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
