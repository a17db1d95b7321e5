"""Entries by name and kind, cells by form; what was computed of a cell holds for its metric, truth and groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import ACCURACY, MACRO_F1, ClassicalRoute, LetterRoute, drawn_study

from headstart.statistics.analysis import analyse
from headstart.statistics.slices import slices
from headstart.statistics.study import Cell, Entry, Study, as_truth

SKILLS = {"probe": ("pretrained", "run", 0.9), "words": ("classical", None, 0.6)}


@pytest.mark.parametrize(
    ("entry", "name", "space", "kind"),
    [
        (Entry(LetterRoute(called="probe"), "halves"), "probe · halves", "halves", "pretrained"),
        (Entry(LetterRoute(called="probe"), "a", "x=1"), "probe · a [x=1]", "a", "pretrained"),
        (Entry(LetterRoute(called="joined"), "a", beside="b"), "joined · a + b", "a + b", "pretrained"),
        (Entry(LetterRoute(called="scratch"), "a"), "scratch · a", "a", "control"),
        (Entry(ClassicalRoute(called="tfidf")), "tfidf", None, "classical"),
        (Entry(ClassicalRoute(called="tfidf"), change="x=1"), "tfidf [x=1]", None, "classical"),
        (Entry(ClassicalRoute(called="majority")), "majority", None, "majority"),
    ],
)
def test_what_an_entry_is_called(entry, name, space, kind):
    assert (entry.name, entry.space, entry.kind) == (name, space, kind)


@pytest.mark.parametrize(("kept", "kind"), [(np.uint16, np.int64), (np.int32, np.int64), (np.float32, np.float64)])
def test_answers_have_the_form_of_the_truth(kept, kind):
    found = as_truth(np.array([1, 2], kept))
    assert (found.dtype, found.tolist()) == (kind, [1, 2])
    assert as_truth(["a", "b"]) == ["a", "b"]


def test_the_facts_of_a_cell_are_all_but_its_answers():
    cell = Cell("a", 16, 2, 0.5, 1.5, None, {"C": 1.0}, np.zeros(3), receipt={"r": 1})
    assert cell.facts() == {
        "entry": "a", "size": 16, "draw": 2, "score": 0.5, "seconds": 1.5, "allowed": None, "notes": {"C": 1.0},
        "receipt": {"r": 1},
    }  # fmt: skip


def made() -> Study:
    return replace(drawn_study(SKILLS, draws=6, test=120, classes=3), slices={"part": np.arange(120) < 50})


CHANGES = {
    "metric": lambda study: {"metric": MACRO_F1},
    "truth": lambda study: {"truth": (study.truth + (np.arange(120) < 30)) % 3},
    "groups": lambda study: {"groups": tuple(f"{row // 6}" for row in range(120))},
    "cells": lambda study: {"cells": tuple(replace(cell, answers=cell.answers[::-1].copy()) for cell in study.cells)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_computed_before_is_not_taken_for_another_study(change):
    """Studies of one run share what was computed of their cells."""
    study = made()
    before = analyse(study), slices(study)
    changed = replace(study, **CHANGES[change](study))
    assert changed.memory is study.memory
    fresh = replace(changed, memory={})
    assert analyse(changed).tables == analyse(fresh).tables
    assert slices(changed) == slices(fresh)
    assert analyse(changed).tables != before[0].tables


def test_what_was_computed_before_is_taken_again():
    study, calls = made(), []
    cell = study.cells[0]
    for grown in (study, replace(study, cells=study.cells[:3])):
        assert grown.remembered("x", cell, lambda: calls.append(1) or len(calls)) == 1
    assert replace(study, metric=replace(ACCURACY)).remembered("x", cell, lambda: 7) == 7
