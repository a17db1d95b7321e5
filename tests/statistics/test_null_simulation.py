"""Null studies: where nothing was learned nothing is called learned; where rows are equal none is called better."""

from __future__ import annotations

import pytest
from synthetic_study import ACCURACY, MACRO_F1, drawn_study

from headstart.statistics.analysis import analyse

STUDIES = 60


def false_claims(skill, metric, count, seed):
    """Return in how many studies there was any false 'learned', and any false difference."""
    learned = differs = 0
    rows = {f"row {number}": ("classical", None, skill) for number in range(count)}
    for number in range(STUDIES):
        study = drawn_study(rows, draws=5, test=50, seed=seed + number, metric=metric)
        table = analyse(study).tables[16]
        learned += any(entry.learned for entry in table.entries.values())
        differs += any(pair.claim != "undecided" for pair in table.pairs.values())
    return learned, differs


@pytest.mark.parametrize(("metric", "count"), [(ACCURACY, 10), (MACRO_F1, 3)])
def test_guessing_rows_are_not_called_learned(metric, count):
    learned, differs = false_claims(-9.0, metric, count, 1000)
    assert learned <= 3
    assert differs <= 3


def test_equal_rows_are_not_called_different_but_called_learned():
    learned, differs = false_claims(2.0, ACCURACY, 10, 5000)
    assert differs <= 3
    assert learned >= 57  # the test can fail: real learning is seen
