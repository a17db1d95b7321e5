"""Folds and the one inner choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.fitting.model_selection import MOST_ROWS, choose, make_folds, nearest_good


@settings(max_examples=100)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(0, 5))
def test_folds_partition_and_every_held_class_is_trained(labels, seed):
    labels = np.array(labels)
    held_rows = []
    for train, held in make_folds(labels, seed=seed):
        assert not set(train) & set(held)
        assert len(held)
        assert set(labels[held]) <= set(labels[train])
        held_rows.extend(held)
    assert len(held_rows) == len(set(held_rows))
    counts = np.bincount(labels)
    if (counts >= 2).any():  # rows of classes that can be judged are judged; the dealing spreads them over folds
        assert set(held_rows) == {row for row, label in enumerate(labels) if counts[label] >= 2}
    else:
        assert held_rows == []


def test_folds_are_balanced_and_keyed():
    labels = np.repeat([0, 1], 50)
    folds = make_folds(labels, seed=1)
    assert [np.bincount(labels[held]).tolist() for _, held in folds] == [[10, 10]] * 5
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, make_folds(labels, seed=1)))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(folds, make_folds(labels, seed=2)))


def test_groups_stay_together():
    labels = np.arange(60) % 3
    groups = [f"g{row // 4}" for row in range(60)]
    for train, held in make_folds(labels, seed=0, groups=groups):
        assert not {groups[row] for row in train} & {groups[row] for row in held}


def test_many_rows_are_sampled():
    labels = np.arange(10_000) % 2
    assert sum(len(held) for _, held in make_folds(labels, seed=0)) == MOST_ROWS


def test_default_wins_unless_clearly_worse():
    random = np.random.default_rng(0)
    base = random.random((200, 1)) < 0.7
    tie = np.repeat(base, 5, axis=1)
    assert nearest_good(tie, 2) == 2
    lucky = tie.copy()
    lucky[np.flatnonzero(~base[:, 0])[:1], 4] = True  # one more right in 200 is luck
    assert nearest_good(lucky, 2) == 2
    better = tie.copy()
    better[np.flatnonzero(~base[:, 0])[:20], 4] = True
    assert nearest_good(better, 2) == 4


def test_no_folds_is_the_default():
    def never(train, held):
        pytest.fail("nothing to judge")

    assert choose((1.0, 2.0, 3.0), 1, never, make_folds(np.arange(5), seed=0)) == 1


def test_numbers_are_judged_like_right_and_wrong():
    random = np.random.default_rng(1)
    right = random.random((200, 5)) < np.array([0.6, 0.65, 0.7, 0.72, 0.9])
    for few in (5, 20, 200):
        for scale, shift in ((3.0, -7.0), (1e-6, 0.0)):
            assert nearest_good(right[:few] * scale + shift, 2) == nearest_good(right[:few], 2)
    errors = -(random.normal(size=(100, 1)) ** 2) * np.array([1.0, 1.0, 1.0, 1.0, 0.2])
    assert nearest_good(errors, 1) == 4
    assert nearest_good(errors[:, :4], 1) == 1
