"""Confused classes; the surest mistakes: each row once, by the highest probability of a wrong answer, then by draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import drawn_study

from headstart.statistics.confusion import Confused, confused, confusion
from headstart.statistics.mistakes import MOST_MISTAKES, Mistake, mistakes

ROWS = {"knn": ("classical", None, 0.5)}


def study_of(said: list[list[int]], sure: list[list[float]] | None):
    """A study of one entry whose draws say this of rows that are all of class 0."""
    base = drawn_study(ROWS, draws=len(said), test=len(said[0]), classes=3)
    cells = [
        replace(cell, answers=np.array(row, np.uint16), confidence_N=sure and np.array(sure[at], np.float16))
        for at, (cell, row) in enumerate(zip(base.cells, said))
    ]
    return replace(base, cells=tuple(cells), truth=np.zeros(len(said[0]), np.int64))


def test_the_surest_come_first():
    # Row 1 is right, however sure; row 3 is wrong in both draws, and the surer answer is told.
    study = study_of([[1, 0, 0, 2], [0, 0, 1, 1]], [[0.75, 1.0, 0.5, 0.5], [0.5, 1.0, 0.875, 0.625]])
    assert mistakes(study, "knn", 16) == (
        Mistake(2, "class 0", "class 1", 0.875, 1, 2),
        Mistake(0, "class 0", "class 1", 0.75, 1, 2),
        Mistake(3, "class 0", "class 1", 0.625, 2, 2),
    )


def test_without_probabilities_the_most_frequent_come_first():
    found = mistakes(study_of([[1, 0, 2, 0], [0, 0, 2, 0]], None), "knn", 16)
    assert [(one.row, one.called, one.probability, one.wrong) for one in found] == [
        (2, "class 2", None, 2),
        (0, "class 1", None, 1),
    ]


def test_no_mistake_and_too_many():
    assert mistakes(study_of([[0, 0]], [[1.0, 1.0]]), "knn", 16) == ()
    assert len(mistakes(study_of([[1] * 200], [[0.5] * 200]), "knn", 16)) == MOST_MISTAKES


@pytest.mark.parametrize("classes", [3, 20, 21])
def test_up_to_20_classes_all_counts_are_told_and_else_the_20_commonest_confusions(classes):
    rows = np.arange(30 * classes)
    truth = rows % classes
    study = drawn_study(ROWS, draws=2, test=len(rows), classes=classes)
    said = [np.where(rows < 12 * classes, (truth + 1) % classes, truth), truth]
    cells = [replace(cell, answers=row.astype(np.uint16)) for cell, row in zip(study.cells, said)]
    found = confused(replace(study, truth=truth, cells=tuple(cells)), "knn", 16)
    assert (found.entry, found.labels) == ("knn", 16)
    assert (found.counts is None) is (classes > 20)
    if found.counts:
        wanted = 48 * np.eye(classes, dtype=int) + 12 * np.roll(np.eye(classes, dtype=int), 1, axis=1)
        assert found.counts == wanted.tolist()
    names = [f"class {number}" for number in range(classes)]
    wanted = [Confused(names[n], names[(n + 1) % classes], 12, 0.2) for n in range(min(classes, 20))]
    assert list(found.most) == wanted
    assert confusion(study, "nobody", 16).tolist() == np.zeros((classes, classes), int).tolist()
