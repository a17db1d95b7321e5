"""A slice is judged from the fewest rows on, in it and beside it, and not below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import drawn_study

from headstart.statistics.slices import FEWEST, slices

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
