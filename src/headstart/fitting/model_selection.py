"""Model selection of every route: stratified folds and the one-standard-error rule towards a default setting.

With few labels the best of seven settings on 64 rows is often luck. All settings within one standard error of the best
setting, by the *paired* difference over held-out rows, count as equally good, and the setting among them that is
nearest to the default is chosen (after Breiman et al. 1984, section 3.4.3). Measured on NSMC (train -> dev, 10-20 draws
of 16 to 1,000 labels): within .001 of the best fixed setting, where the best held-out log-loss loses up to .009 and the
best held-out accuracy up to .005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator

FOLDS = 5
ENOUGH_ROWS = 400  # held-out rows from which no further fold is judged; see docs/decisions.md, 2026-11-27
MOST_ROWS = 4_000  # rows used for the choice; more rows cost time and no longer change it

# judge(train rows, held-out rows) -> [held-out rows, settings]: the quality of the answer to each row under each
# setting, 1 or 0 for right or wrong, or any number that grows with quality (`TaskSpec.quality`); None where no time is
# left for these and further rows.
Judge = Callable[[np.ndarray, np.ndarray], np.ndarray | None]


class RowFacts(NamedTuple):
    """What a fit is told of N labelled rows beside their answers; without arguments no row is special.

    groups: N names of what must stay on one side of a fold, or None. weights: float64 [N], how much each row counts, or
    None: all alike.
    """

    groups: Sequence[str] | None = None
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, examples: Examples) -> RowFacts:
        """Return what the examples say."""
        return cls(examples.groups, examples.weights)

    def weight_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the weights of some rows [M], or None."""
        return None if self.weights is None else self.weights[rows]

    def weighted(self, quality_MS: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the quality of answers to some rows [M, S], each row as much as it counts."""
        return quality_MS if self.weights is None else quality_MS * self.weights[rows][:, None]


ALIKE = RowFacts()


def make_folds(
    labels_N: np.ndarray, *, seed: int, folds: int = FOLDS, groups: Sequence[str] | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (train rows, held-out rows) pairs; each class is spread evenly, a group is never split apart.

    A class with fewer rows than folds is dealt to as many folds as it has rows. A row is never held out when its class
    would be missing from the training part (a class with one row). At most MOST_ROWS rows take part. Folds without a
    held-out row are left out, and the list may be empty.
    """
    random = numpy_generator(seed, "folds")
    order = random.permutation(len(labels_N))[:MOST_ROWS]
    numbers: dict[str, int] = {}  # an array of strings would pad every name to the longest
    unit = order if groups is None else np.array([numbers.setdefault(g, len(numbers)) for g in groups])[order]
    # Number of the unit (group or single row) of each row
    _, first, member = np.unique(unit, return_index=True, return_inverse=True)
    dealt = np.lexsort((first, labels_N[order][first]))  # class by class, in random order within the class
    fold_of_unit = np.empty(len(first), np.int64)
    fold_of_unit[dealt] = np.arange(len(first)) % folds
    fold = fold_of_unit[member]
    pairs = []
    for number in range(folds):
        train, held = order[fold != number], order[fold == number]
        held = held[np.isin(labels_N[held], labels_N[train])]
        if len(held):
            pairs.append((np.sort(train), np.sort(held)))
    return pairs


def folds_of(examples: Examples, *, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the folds of labelled rows of any task, see `make_folds`.

    Groups stay whole, and so do the questions about one passage where no group is named.
    """
    strata_N = np.zeros(len(examples), np.int64) if examples.labels is None else np.asarray(examples.labels)
    return make_folds(strata_N, seed=seed, groups=units_of(examples))


def units_of(examples: Examples) -> Sequence[str] | None:
    """Return the name of the unit of each row that must stay on one side of a split, or None: every row is its own."""
    return examples.second if examples.groups is None and examples.task == "answer" else examples.groups


def choose(settings: Sequence[float], default: int, judge: Judge, pairs: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """Return the index of the setting to use; `settings` are ordered, `default` is an index into them.

    Folds are judged until `ENOUGH_ROWS` rows were. Without a judged fold (too few rows to hold any out, or no time) it
    is the default.
    """
    if len(settings) == 1:
        return default
    found: list[np.ndarray] = []
    for train, held in pairs:
        quality = judge(train, held)
        if quality is None:
            break
        found.append(quality)
        if sum(map(len, found)) >= ENOUGH_ROWS:
            break
    return nearest_good(np.concatenate(found), default) if found else default


def nearest_good(quality_MS: np.ndarray, default: int) -> int:
    """Return the setting nearest to `default` within one paired standard error of the best; see the file's head.

    The lead of the best setting over another setting is the sum of the differences d over the rows, with standard error
    sqrt(sum of d^2); for right and wrong answers the lead is w wins minus l losses, with standard error sqrt(w + l).
    One win and one loss of mean size are added to stabilise small counts (Agresti & Min 2005): a single row never
    decides.
    """
    quality_MS = quality_MS.astype(np.float64)
    difference_MS = quality_MS[:, [quality_MS.sum(axis=0).argmax()]] - quality_MS
    square_S, differing_S = (difference_MS**2).sum(axis=0), np.count_nonzero(difference_MS, axis=0)
    error_S = np.sqrt(square_S + 2 * square_S / np.maximum(differing_S, 1))
    good = np.flatnonzero(difference_MS.sum(axis=0) <= error_S)
    return int(good[np.abs(good - default).argmin()])
