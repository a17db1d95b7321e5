"""A slice is judged from the fewest rows on, in it and beside it, and not below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import drawn_study

from headstart.statistics.slices import FEWEST, length_slices, slices

SKILLS = {"probe": ("pretrained", "run", 0.9), "words": ("classical", None, 0.6)}


@pytest.mark.parametrize(
    ("rows", "judged"),
    [(0, False), (FEWEST - 1, False), (FEWEST, True), (200 - FEWEST, True), (201 - FEWEST, False), (200, True)],
)
def test_how_many_rows_a_slice_needs(rows, judged):
    study = replace(drawn_study(SKILLS, draws=6, test=200), slices={"part": np.arange(200) < rows})
    found = [one for one in slices(study).scores if one.kind == "given"]
    assert bool(found) is judged
    assert {one.rows for one in found} == ({rows} if judged else set())


def test_thirds_by_length():
    lengths = np.random.default_rng(3).permutation(np.arange(31))
    found = {name: sorted(lengths[rows]) for name, rows in length_slices(["x" * n for n in lengths]).items()}
    assert found == {"short": [*range(11)], "middle": [*range(11, 21)], "long": [*range(21, 31)]}


@pytest.mark.parametrize(("equal", "parted"), [(9, True), (22, False)])
def test_texts_of_one_length_are_no_thirds(equal, parted):
    assert bool(length_slices(["x" * max(n - equal, 0) for n in range(33)])) is parted
