"""Intervals of bounded scores: within the bounds, around the estimate, never a point, in step with their tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from headstart.statistics.intervals import SPREAD, Bounds, estimate

UNIT, PERCENT, CORRELATION = (0.0, 1.0), (0.0, 100.0), (-1.0, 1.0)


def values(random, draws, rows, right):
    """Right answers [D, rows], every row its own block."""
    return (random.random((draws, rows)) < right).astype(float)


@settings(max_examples=150)
@given(
    st.integers(1, 12),
    st.integers(2, 40),
    st.sampled_from([0.0, 0.02, 0.5, 0.97, 1.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([0.05, 0.01, 1e-4]),
    st.sampled_from([UNIT, PERCENT, CORRELATION]),
    st.integers(0, 99),
)
def test_intervals_hold_the_estimate_within_the_bounds(draws, rows, right, other, alpha, limits, seed):
    random = np.random.default_rng(seed)
    low, high = limits
    one, two = (low + (high - low) * values(random, draws, rows, share) for share in (right, other))
    found = estimate(one, rows=rows, bounds=Bounds.of_score(limits)), low, high
    lead = estimate(one - two, rows=rows, bounds=Bounds.of_difference(limits)), low - high, high - low
    for mean, least, most in (found, lead):
        start, end = mean.interval(alpha)
        if draws < SPREAD:
            assert np.isnan(start)
            assert np.isnan(end)
            continue
        assert least <= start <= mean.value <= end <= most
        assert end - start > 1e-6 * (high - low)
    start, end = lead[0].interval(alpha)
    if draws >= SPREAD:  # the interval of a difference leaves out zero exactly where its test rejects it
        assert (start > 0 or end < 0) == (lead[0].p_differs() < alpha)


@pytest.mark.parametrize("rows", [20, 100, 1000])
def test_a_perfect_score_is_as_uncertain_as_its_rows(rows):
    """All rows right in every draw: about the interval of so many binomial trials, not a point."""
    low, high = estimate(np.ones((8, min(rows, 100))), rows=rows, bounds=Bounds.of_score(UNIT)).interval()
    exact = binomtest(rows, rows).proportion_ci(method="wilson")
    assert high == 1.0
    assert 1 - low == pytest.approx(1 - exact.low, rel=0.25)
    worst = estimate(np.zeros((8, min(rows, 100))), rows=rows, bounds=Bounds.of_score(UNIT)).interval()
    assert worst == pytest.approx((0.0, 1 - low))


def test_far_from_the_bounds_it_is_the_plain_interval():
    values_DG = 0.5 + 0.02 * np.random.default_rng(0).normal(size=(10, 100))
    plain, bounded = estimate(values_DG).interval(), estimate(values_DG, bounds=Bounds.of_score(UNIT)).interval()
    assert bounded == pytest.approx(plain, abs=1e-4)


@pytest.mark.parametrize(("mean", "rows"), [(0.97, 100), (0.99, 200)])
def test_near_the_ceiling_it_covers_where_the_plain_one_is_cut_off(mean, rows):
    random, studies, hits = np.random.default_rng(3), 400, 0
    for _ in range(studies):
        hard_N = random.random(rows) < (1 - mean) / 2  # rows that are hard for every draw, and slips of single draws
        right_DN = ~(hard_N | (random.random((8, rows)) < (1 - mean) / 2)).astype(bool)
        blocks_DG = right_DN.reshape(8, 100, -1).mean(2)
        low, high = estimate(blocks_DG, rows=rows, bounds=Bounds.of_score(UNIT)).interval()
        hits += low <= (1 - (1 - mean) / 2) ** 2 <= high
    assert 0.92 <= hits / studies <= 0.99
