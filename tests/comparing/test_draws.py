"""Draws: nested, balanced, a pure function of the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.comparing.draws import draw, overlap
from headstart.core.errors import HeadstartError

POOLS = st.lists(st.integers(0, 4), min_size=1, max_size=60)


@settings(max_examples=150)
@given(POOLS, st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(0, 99))
def test_nested_balanced_and_without_repeats(labels, sizes, seed):
    labels_N = np.array(labels)
    sizes = [min(size, len(labels)) for size in sizes]
    available = np.bincount(labels_N, minlength=5)
    for subset in draw(labels_N, sizes, 3, seed):
        before = np.zeros(0, np.int64)
        for size in sorted(subset):
            rows = subset[size]
            assert rows.dtype == np.int64
            assert len(rows) == size == len(set(rows.tolist()))
            assert (rows[: len(before)] == before).all()
            counts = np.bincount(labels_N[rows], minlength=5)
            open_classes = counts < available
            if open_classes.any():  # a class that could give more is at most one behind any other
                assert counts.max() - counts[open_classes].min() <= 1
            if size >= (available > 0).sum():
                assert (counts[available > 0] >= 1).all()
            before = rows


@settings(max_examples=40)
@given(POOLS, st.integers(0, 99))
def test_other_sizes_and_more_draws_leave_a_draw_as_it_is(labels, seed):
    labels_N, half = np.array(labels), (len(labels) + 1) // 2
    few = draw(labels_N, [half], 2, seed)
    many = draw(labels_N, [1, half, len(labels)], 4, seed)
    assert all((one[half] == other[half]).all() for one, other in zip(few, many))


def test_draws_and_seeds_differ():
    labels_N = np.arange(200) % 2
    first, second = draw(labels_N, [16], 2, 0)
    other = draw(labels_N, [16], 1, 1)[0]
    assert set(first[16]) != set(second[16])
    assert set(first[16]) != set(other[16])


def test_every_row_of_a_class_is_as_likely():
    labels_N = np.array([0] * 10 + [1] * 30)
    times = np.zeros(40)
    for subset in draw(labels_N, [8], 2000, 5):
        times[subset[8]] += 1
    assert np.abs(times[:10] / 2000 - 0.4).max() < 0.05
    assert np.abs(times[10:] / 2000 - 4 / 30).max() < 0.05


def test_groups_come_whole_save_the_last_of_each_class():
    labels_N = np.repeat([0, 1], 40)
    groups = [f"g{row // 4}" for row in range(80)]
    for subset in draw(labels_N, [22], 5, 0, groups):
        names, counts = np.unique([groups[row] for row in subset[22]], return_counts=True)
        assert (counts < 4).sum() <= 2
        assert len(names) <= 7


@pytest.mark.parametrize(
    ("sizes", "draws", "words"), [([0], 1, "1 to 5"), ([6], 1, "pool has 5"), ([], 1, "no label"), ([2], 0, "draws=0")]
)
def test_wrong_sizes_teach(sizes, draws, words):
    with pytest.raises(HeadstartError, match=words):
        draw(np.zeros(5, np.int64), sizes, draws, 0)


def test_overlap():
    assert overlap([np.arange(4)]) == 0
    assert overlap([np.arange(4), np.arange(4)]) == 1
    assert overlap([np.arange(4), np.arange(2, 6), np.arange(4, 8)]) == pytest.approx((0.5 + 0.5 + 0) / 3)
    subsets = [subset[50] for subset in draw(np.arange(200) % 2, [50], 40, 0)]
    assert overlap(subsets) == pytest.approx(0.25, abs=0.02)
