"""Intervals against hand calculations and other libraries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from synthetic_study import ACCURACY, MACRO_F1

from headstart.core.spec import MetricSpec
from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.intervals import FREE, Bounds, Variance, estimate, mixed_overlap


@dataclass(frozen=True, kw_only=True)
class SlowF1(MetricSpec):
    """Macro-F1 as a metric that says nothing about counts, as one by somebody else may."""

    def score(self, truth_N, predicted_N, weight_N=None):
        return MACRO_F1.score(truth_N, predicted_N, weight_N)


SLOW_F1 = SlowF1()


def random_answers(rows=300, classes=4, seed=0):
    random = np.random.default_rng(seed)
    truth_N = random.integers(0, classes, rows)
    said_N = np.where(random.random(rows) < 0.6, truth_N, random.integers(0, classes, rows))
    return truth_N, said_N


def test_evidence_of_accuracy_is_the_accuracy_of_each_block():
    truth_N, said_N = random_answers()
    blocks = TestBlocks.make(300)
    value_G = Evidence(ACCURACY, truth_N, blocks).of(said_N)
    own = np.bincount(blocks.block_N, truth_N == said_N) / blocks.weights()
    assert value_G == pytest.approx(own)
    assert value_G.mean() == pytest.approx((truth_N == said_N).mean())


@pytest.mark.parametrize("metric", [ACCURACY, MACRO_F1])
def test_evidence_has_the_score_as_its_mean(metric):
    truth_N, said_N = random_answers(257)
    found = Evidence(metric, truth_N, TestBlocks.make(257))
    assert found.of(said_N).mean() == pytest.approx(metric.score(truth_N, said_N))


@pytest.mark.parametrize("rows", [7, 300])
def test_metrics_of_counts_give_the_same_values_in_one_go(rows):
    truth_N, said_N = random_answers(rows, classes=9)
    said_N[said_N == 3] = 11  # a class that never occurs in the truth, and one that is never said
    fast, slow = (Evidence(metric, truth_N, TestBlocks.make(rows)) for metric in (MACRO_F1, SLOW_F1))
    assert fast.of(said_N) == pytest.approx(slow.of(said_N))
    assert fast.chance(said_N) == pytest.approx(slow.chance(said_N))
    assert fast.constant(4) == pytest.approx(slow.constant(4))


def test_jackknife_of_macro_f1_agrees_with_the_bootstrap():
    truth_N, said_N = random_answers(1000)
    value_G = Evidence(MACRO_F1, truth_N, TestBlocks.make(1000)).of(said_N)
    ours = (value_G.var(ddof=1) / len(value_G)) ** 0.5
    random = np.random.default_rng(1)
    rows = [random.integers(0, 1000, 1000) for _ in range(400)]
    theirs = np.std([f1_score(truth_N[pick], said_N[pick], average="macro") for pick in rows])
    assert ours == pytest.approx(theirs, rel=0.2)


def test_grouped_rows_stay_in_one_block_and_widen_the_interval():
    random = np.random.default_rng(0)
    groups = [f"g{row // 10}" for row in range(1000)]
    said_N = np.repeat(random.random(100) < 0.7, 10).astype(int)
    truth_N = np.ones(1000, int)
    whole, alone = TestBlocks.make(1000, groups), TestBlocks.make(1000)
    assert all(len(set(whole.block_N[start : start + 10])) == 1 for start in range(0, 1000, 10))
    wide, narrow = (Evidence(ACCURACY, truth_N, b).of(said_N).std() for b in (whole, alone))
    assert wide > 2 * narrow


def test_chance_evidence_is_the_score_of_dealt_answers():
    truth_N, said_N = random_answers(2000)
    random = np.random.default_rng(0)
    for metric in (ACCURACY, MACRO_F1, SLOW_F1):
        dealt = np.mean([metric.score(truth_N, random.permutation(said_N)) for _ in range(200)])
        assert Evidence(metric, truth_N, TestBlocks.make(2000)).chance(said_N).mean() == pytest.approx(dealt, abs=0.004)


def test_estimate_is_the_two_way_analysis_of_variance():
    values_DG = np.random.default_rng(0).normal(size=(6, 40)) + np.arange(6)[:, None] + np.arange(40) / 9
    draws, blocks = values_DG.shape
    draw_square = blocks * values_DG.mean(1).var(ddof=1)
    block_square = draws * values_DG.mean(0).var(ddof=1)
    rest = values_DG - values_DG.mean(1, keepdims=True) - values_DG.mean(0, keepdims=True) + values_DG.mean()
    rest_square = (rest**2).sum() / ((draws - 1) * (blocks - 1))
    found = estimate(values_DG)
    assert found.error**2 == pytest.approx((draw_square + block_square - rest_square) / (draws * blocks))
    assert found.variance.draw == pytest.approx((draw_square - rest_square) / blocks)
    assert found.variance.cross == pytest.approx(rest_square / blocks)
    assert found.variance.test == pytest.approx((block_square - rest_square) / blocks / draws)
    assert 5 <= found.freedom < 6
    assert 0.9 < found.from_draws < 1


def test_draws_alone_give_the_t_test():
    values_DG = np.random.default_rng(0).normal(size=(8, 1)) + np.zeros((1, 30))
    found, (low, high) = (
        estimate(values_DG),
        stats.t.interval(0.95, 7, values_DG[:, 0].mean(), stats.sem(values_DG[:, 0])),
    )
    assert found.interval() == pytest.approx((low, high))
    assert found.p_differs() == pytest.approx(stats.ttest_1samp(values_DG[:, 0], 0).pvalue)
    assert found.p_above() == pytest.approx(stats.ttest_1samp(values_DG[:, 0], 0, alternative="greater").pvalue)


def test_overlap_widens_as_nadeau_and_bengio_say():
    values_DG = np.random.default_rng(0).normal(size=(10, 1)) + np.zeros((1, 30))
    plain, shared = estimate(values_DG).error ** 2, estimate(values_DG, overlap=0.4).error ** 2
    assert shared / plain == pytest.approx((0.1 + 0.4 * 0.9) / 0.6 / 0.1)
    assert estimate(values_DG, overlap=1.0).error ** 2 == pytest.approx(plain)


def test_one_draw_has_no_interval_and_claims_nothing():
    found = estimate(np.ones((1, 30)))
    assert np.isnan(found.error)
    assert np.isnan(found.interval()).all()
    assert found.p_differs() == found.p_above() == 1.0


def test_the_error_is_never_below_one_test_row():
    found = estimate(np.ones((10, 50)), rows=500)
    assert found.error == pytest.approx(1 / 500)
    assert np.isfinite(found.interval()).all()


def test_the_overlap_of_a_difference_is_that_of_what_varies():
    random = np.random.default_rng(0)
    wide, narrow = random.normal(size=(6, 4)), 1e-6 * random.normal(size=(6, 4))
    assert mixed_overlap([(wide, 0.2), (narrow, 0.8)]) == pytest.approx(0.2, abs=1e-3)
    assert mixed_overlap([(wide, 0.4), (wide, 0.2)]) == pytest.approx(0.3)
    assert mixed_overlap([(wide, 0.4), (wide, 1.0)]) == pytest.approx(0.4)  # draws that are all the same do not count


@pytest.mark.parametrize(("overlap", "fixed"), [(0.5, False), (0.9, False), (0.998, False), (0.999, True), (1.0, True)])
def test_draws_that_are_the_whole_pool_vary_as_if_they_were_independent(overlap, fixed):
    share = 0.0 if fixed else overlap
    factor = Variance(1.0, 0.0, 0.0, 0.0, overlap, 50).factor(10)
    assert factor == pytest.approx((0.1 + share * 0.9) / (1 - share))
    wide = np.random.default_rng(0).normal(size=(6, 4))
    assert mixed_overlap([(wide, 0.4), (wide, overlap)]) == pytest.approx(0.4 if fixed else (0.4 + overlap) / 2)


def test_without_bounds_a_score_may_be_anything_and_its_unit_is_one():
    assert FREE.low < -1e300 < 1e300 < FREE.high
    assert estimate(np.ones((10, 50)), rows=500, bounds=Bounds()).error == pytest.approx(1 / 500)
    assert FREE.interval(1e6, 2.0, 0.1) == (1e6 - 2.0, 1e6 + 2.0)
