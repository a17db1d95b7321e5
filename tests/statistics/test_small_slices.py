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


@pytest.mark.parametrize(("groups", "judged"), [(1, False), (2, True), (3, True)])
def test_a_slice_needs_test_rows_of_two_groups(groups, judged):
    """Rows of one group vary together, so that nobody knows how much."""
    study = drawn_study(SKILLS, draws=6, test=200)
    of_row = tuple(f"{row // 20}" for row in range(200))
    study = replace(study, groups=of_row, slices={"part": np.arange(200) < 20 * groups})
    assert any(one.kind == "given" for one in slices(study).scores) is judged


@pytest.mark.parametrize(("classes", "sliced"), [(2, True), (20, True), (21, False)])
def test_up_to_20_classes_are_slices(classes, sliced):
    study = drawn_study(SKILLS, draws=6, test=25 * classes, classes=classes)
    study = replace(study, truth=np.arange(25 * classes) % classes)
    found = {one.slice for one in slices(study).scores}
    assert found == (set(study.classes) if sliced else set())


def test_what_is_said_of_one_slice_is_found_by_its_name():
    study = replace(drawn_study(SKILLS, draws=6, test=200), slices={"class 0": np.arange(200) < 50})
    found = slices(study)
    assert found.score("probe", 16, "class 0").rows == 50  # the given one, not the class of that name
    assert found.score("probe", 64, "class 0") is found.score("nobody", 16, "class 0") is None


def test_without_a_classical_entry_no_slice_has_a_lead():
    study = replace(drawn_study({"probe": SKILLS["probe"]}, draws=6, test=200), slices={"part": np.arange(200) < 50})
    assert slices(study).leads == ()
    assert len(slices(study).scores) == 3


def test_thirds_need_texts_alone():
    texts = ["x" * n for n in range(40)]
    assert length_slices(texts) != {}
    assert length_slices([*texts, b"bytes"]) == length_slices([3] * 40) == {}
