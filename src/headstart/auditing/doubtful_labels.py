"""Labels to look at again: equal texts with different labels, and confident learning (Northcutt et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from headstart.auditing.classifier import out_of_fold
from headstart.auditing.copies import first_with
from headstart.core.seeds import numpy_generator

FOLDS = 4
FEWEST = 40  # rows, below which held-out scores say next to nothing
CLEAR = 30.0  # times the label's probability: such doubts are mostly right, see docs/audit.md


def conflicts(folds: Sequence[str], labels: Sequence) -> list[list[int]]:
    """Return the groups of rows with equal folds and more than one label, the largest first."""
    groups: dict[str, list[int]] = {}
    for row, fold in enumerate(folds):
        groups.setdefault(fold, []).append(row)
    found = [rows for rows in groups.values() if len(rows) > 1 and len({labels[row] for row in rows}) > 1]
    return sorted(found, key=lambda rows: (-len(rows), rows))


@dataclass(frozen=True)
class Suspects:
    """rows: the rows whose label is doubted, worst first. said: the class that the classifier prefers. own, other: the
    held-out probabilities of the label and of that class. accuracy: of the held-out predictions. judged: number of rows
    that were scored."""

    rows: np.ndarray
    said: np.ndarray
    own: np.ndarray
    other: np.ndarray
    accuracy: float
    judged: int

    @property
    def clear(self) -> int:
        """How many rows are doubted clearly (`CLEAR`); they come first."""
        return int((self.other >= CLEAR * self.own).sum())


def suspects(
    features: sparse.csr_matrix | np.ndarray, labels_N: np.ndarray, classes: int, folds: Sequence[str], seed: int
) -> Suspects:
    """Find the off-diagonal of the confident joint: rows that are confidently of another class than their label.

    A row counts as class c when its held-out probability of c is at least the mean over the rows labelled c; where
    several classes qualify, as the likeliest. Rows with equal folds are held out together. Rows are ranked by the
    probability of the label over the probability of the other class. features: see `classifier.out_of_fold`.
    """
    unit_N = first_with(folds)
    fold_N = numpy_generator(seed, "label folds").permutation(len(labels_N))[unit_N] % FOLDS
    scores_NC = out_of_fold(features, labels_N, classes, fold_N, seed)
    rows = np.arange(len(labels_N))
    own_N = scores_NC[rows, labels_N]
    judged_N = ~np.isnan(own_N)  # the other folds had rows of its class
    scores_NC = np.nan_to_num(scores_NC, nan=-1.0)
    size_C = np.bincount(labels_N[judged_N], minlength=classes)
    mean_C = np.bincount(labels_N[judged_N], own_N[judged_N], minlength=classes) / np.maximum(size_C, 1)
    sure_NC = np.where((scores_NC >= mean_C) & (size_C > 0), scores_NC, -1.0)
    said_N = sure_NC.argmax(axis=1)
    doubted = np.flatnonzero(judged_N & (sure_NC.max(axis=1) > 0) & (said_N != labels_N))
    other_N = scores_NC[rows, said_N]
    doubted = doubted[own_N[doubted] < other_N[doubted]]
    order = doubted[np.lexsort((doubted, own_N[doubted] / other_N[doubted]))]
    right = float((scores_NC[judged_N].argmax(axis=1) == labels_N[judged_N]).mean()) if judged_N.any() else 0.0
    return Suspects(order, said_N[order], own_N[order], other_N[order], right, int(judged_N.sum()))
