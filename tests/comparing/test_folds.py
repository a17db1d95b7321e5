"""Cross-validation of one pool: every row asked once, groups whole, classes even; receipts tell how to do it again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_study import ACCURACY, SEEN, LetterRoute, letters

from headstart.comparing.draws import fold_splits, label_splits, redraw
from headstart.comparing.run_study import run_study
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.splits import fold_parts, units
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import analyse
from headstart.statistics.study import Entry


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=6, max_size=60), st.integers(2, 6), st.integers(0, 9))
def test_every_row_is_asked_once_and_classes_are_even(labels, folds, seed):
    labels_N = np.array(labels)
    parts = fold_parts(labels_N, folds, seed, 0)
    assert sorted(np.concatenate([asked for _, asked in parts]).tolist()) == list(range(len(labels)))
    for learnt, asked in parts:
        assert sorted([*learnt, *asked]) == list(range(len(labels)))
    counts = np.array([np.bincount(labels_N[asked], minlength=4) for _, asked in parts])
    assert (counts.max(0) - counts.min(0)).max() <= 1
    assert counts.sum(1).max() - counts.sum(1).min() <= 1


def test_groups_stay_whole():
    groups = [f"g{row % 7}" for row in range(40)]
    for learnt, asked in fold_parts(np.arange(40) % 2, 3, 0, 1, groups):
        assert not {groups[row] for row in learnt} & {groups[row] for row in asked}


@pytest.mark.parametrize(("folds", "words"), [(1, "2 to 9"), (10, "2 to 9 are possible with 9 rows")])
def test_wrong_folds_teach(folds, words):
    with pytest.raises(HeadstartError, match=words):
        fold_parts(np.zeros(9, int), folds, 0, 0)


def test_equal_texts_and_their_groups_are_asked_together():
    texts = [f"text {row % 20}" for row in range(60)]
    pool = Examples(items=texts, labels=np.arange(60) % 2, classes=("a", "b"))
    for split in fold_splits(pool, 4, 2, 0):
        for learnt, asked in split.parts:
            assert not {texts[row] for row in learnt} & {texts[row] for row in asked}
    grouped = Examples(items=["a", "b", "b", "c", "d"], groups=["1", "1", "2", "2", "3"])
    assert len(set(units(grouped)[:4])) == 1
    assert units(grouped)[4] != units(grouped)[0]
    assert len(set(units(Examples(items=["a", "a"], second=["x", "y"])))) == 2


def test_splits_are_drawn_again_from_what_is_told():
    pool = letters(50)
    for split in [*label_splits(pool, [4, 8], 3, 5), *fold_splits(pool, 4, 3, 5)]:
        assert redraw(pool, split.drawn).identity == split.identity
    assert len({split.identity for split in [*label_splits(pool, [4], 3, 5), *fold_splits(pool, 4, 3, 5)]}) == 6


def test_a_study_of_folds(tmp_path):
    SEEN.clear()
    pool = letters(60)
    texts = [f"{text} {number}" for number, text in enumerate(pool.items)]
    grouped = Examples(texts, labels=pool.labels, classes=pool.classes, groups=[f"g{n // 2}" for n in range(60)])
    asked = StudySettings(sizes=(16,), draws=3, seconds=20.0, metric=ACCURACY, folder=tmp_path, folds=5)
    study = run_study([Entry(LetterRoute())], StudyData(grouped, grouped), {None: Workspace()}, asked)
    assert [seen[1] for seen in SEEN] == [48] * 15
    assert study.sizes == (48,)
    assert len(study.cells) == 3
    assert {cell.score for cell in study.cells} == {0.9}
    assert study.facts["settings"]["folds"] == 5
    assert study.cells[0].receipt["split"] | {"rows": ""} == {
        "how": "folds", "folds": 5, "seed": 0, "draw": 0, "size": 48, "rows": "",
    }  # fmt: skip
    assert analyse(study).tables[48].fixed_pool
