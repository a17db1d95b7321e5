"""Cross-validation of one pool: every row asked once, groups whole, classes even; receipts tell how to do it again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_study import ACCURACY, SEEN, LetterRoute, letters

from headstart.comparing.draws import fold_splits, label_splits, lent_splits, redraw
from headstart.comparing.inputs import CompareInputs
from headstart.comparing.run_study import run_study
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.splits import fold_parts, units
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import analyse
from headstart.statistics.study import Entry


@settings(max_examples=80)
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


def test_lent_test_rows_are_learnt_and_asked_in_turn_but_never_both():
    train, test = letters(30), letters(40, 1)
    splits = lent_splits(train, test, [8, 32], 3, 4, 5)
    assert [(split.draw, split.size) for split in splits] == [(0, 8), (0, 32), (1, 8), (1, 32), (2, 8), (2, 32)]
    for split in splits:
        asked = [rows for _, rows in split.parts]
        assert sorted(np.concatenate(asked).tolist()) == list(range(40))
        for learnt, rows in split.parts:
            assert len(learnt) == split.size
            assert not set(learnt.tolist()) & {30 + row for row in rows}  # the planted fault: 30 + asked rows are test
        assert redraw(train, split.drawn, test).identity == split.identity
    texts = {text: place for place, text in enumerate([*train.items, *test.items])}
    assert len(texts) < 70  # equal texts of the test part are asked together
    for learnt, rows in splits[-1].parts:
        own = {test.items[row - 30] for row in learnt if row >= 30}
        assert not own & {test.items[row] for row in rows}
    assert max(row for learnt, _ in splits[-1].parts for row in learnt) >= 30


def test_a_study_of_lent_rows_asks_all_of_them_and_screening_none(tmp_path):
    SEEN.clear()
    train, test = letters(40), letters(40, 1)
    asked = StudySettings(sizes=(8, 48), draws=3, seconds=20.0, metric=ACCURACY, folder=tmp_path)
    data = StudyData(train, test, lent=4)
    study = run_study([Entry(LetterRoute())], data, {None: Workspace()}, asked)
    assert [seen[1] for seen in SEEN] == [8] * 4 + [48] * 4 + [8] * 4 + [48] * 4 + [8] * 4 + [48] * 4
    assert {len(cell.answers) for cell in study.cells} == {40}
    assert study.facts["lent"] == 4
    assert not analyse(study).tables[8].fixed_pool
    with pytest.raises(HeadstartError, match="1 to 60 are allowed"):
        run_study([Entry(LetterRoute())], data, {None: Workspace()}, replace(asked, sizes=(61,)))


@pytest.mark.parametrize(("rows", "folds", "lent"), [(60, None, 4), (999, None, 4), (1000, None, 0), (60, 0, 0)])
def test_few_rows_are_cross_validated_unless_told_otherwise(tmp_path, rows, folds, lent):
    path, lines = tmp_path / "rows.tsv", []
    path.write_text("text\tlabel\n" + "".join(f"text {row}\t{'ab'[row % 2]}\n" for row in range(rows)))
    data = CompareInputs(data=[str(path)], folds=folds).read(lines.append)
    assert data.lent == lent
    assert len(data.test) == round(rows * (0.5 if lent else 0.25))
    assert ("--folds 0" in lines[-1]) == bool(lent)
    assert data.most_labels == len(data.train) + (len(data.test) // 2 if lent else 0)
