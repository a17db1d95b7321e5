"""Which classes a route on a base mixes up: counts of true and predicted classes over its label draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.statistics.study import Study

CONFUSION_CLASSES = 20  # with more than that only the most frequent confusions are told
MOST_CONFUSED = 20


@dataclass(frozen=True)
class Confused:
    """Test rows of class `true` that were predicted as `called`: how many over all draws, their share of the class."""

    true: str
    called: str
    rows: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """The mistakes of an entry at a label count. counts: [C][C] by true and predicted class, None with many classes."""

    entry: str
    labels: int
    counts: list[list[int]] | None
    most: tuple[Confused, ...]


def confused(study: Study, entry: str, size: int) -> Confusion:
    """Return which classes an entry mixes up at a label count, over all its draws."""
    counts_CC = confusion(study, entry, size)
    totals_C = np.maximum(counts_CC.sum(1), 1)
    wrong_CC = counts_CC - np.diag(np.diag(counts_CC))
    most = []
    for place in np.argsort(-wrong_CC, axis=None, kind="stable")[:MOST_CONFUSED]:
        true, called = np.unravel_index(place, wrong_CC.shape)
        if count := int(wrong_CC[true, called]):
            names = study.classes[true], study.classes[called]
            most.append(Confused(*names, count, float(count / totals_C[true])))
    whole = counts_CC.tolist() if len(study.classes) <= CONFUSION_CLASSES else None
    return Confusion(entry, size, whole, tuple(most))


def confusion(study: Study, entry: str, size: int) -> np.ndarray:
    """Return counts [C, C] of true (first axis) and predicted classes over all draws of an entry."""
    counts_CC = np.zeros((len(study.classes), len(study.classes)), np.int64)
    for cell in study.cells_of(entry, size).values():
        np.add.at(counts_CC, (study.truth, cell.predicted), 1)
    return counts_CC
