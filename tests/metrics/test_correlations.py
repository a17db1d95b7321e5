"""Correlations equal scipy's on repeated rows; ties, constants, missing and extreme numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from headstart.metrics.pearson import Pearson
from headstart.metrics.spearman import Spearman

REFERENCE = [(Pearson(), stats.pearsonr), (Spearman(), stats.spearmanr)]


@pytest.mark.parametrize(("metric", "reference"), REFERENCE)
def test_equals_scipy(metric, reference):
    for seed in range(200):
        random = np.random.default_rng(seed)
        rows = int(random.integers(3, 60))
        truth = random.integers(0, 8, rows) / 4
        said = truth * random.normal() + random.normal(size=rows).round(int(random.integers(0, 3)))
        weight = random.integers(0, 4, rows)
        repeated = np.arange(rows).repeat(weight)
        if len(repeated) < 2 or np.ptp(truth[repeated]) == 0 or np.ptp(said[repeated]) == 0:
            continue
        assert metric.score(truth, said, weight) == pytest.approx(
            reference(truth[repeated], said[repeated]).statistic, abs=1e-12
        )
        assert metric.score(truth, said) == pytest.approx(reference(truth, said).statistic, abs=1e-12)


@pytest.mark.parametrize(("metric", "_"), REFERENCE)
def test_no_correlation_is_nan(metric, _):
    some = np.array([0.1, 0.7, 0.3])
    assert math.isnan(metric.score(some, np.full(3, 0.1)))
    assert math.isnan(metric.score(np.full(3, 0.1), some))
    assert math.isnan(metric.score(some, np.array([0.1, np.nan, 0.3])))
    assert math.isnan(metric.score(some, some, np.array([0, 5, 0])))  # one row drawn five times is constant
    assert math.isnan(metric.score(some[:1], some[:1]))


def test_hand_computed():
    truth, said = np.array([1.0, 2.0, 2.0, 4.0]), np.array([10.0, 20.0, 30.0, 30.0])
    # ranks 1 2.5 2.5 4 and 1 2 3.5 3.5: products of deviations sum to 2.25 + 0 + 0 + 1.5, squares to 4.5 and 4.5
    assert Spearman().score(truth, said) == pytest.approx(3.75 / 4.5, abs=1e-15)
    # deviations -1.25 -0.25 -0.25 1.75 and -12.5 -2.5 7.5 7.5
    assert Pearson().score(truth, said) == pytest.approx(27.5 / math.sqrt(4.75 * 275), abs=1e-15)


def test_large_offsets_do_not_matter():
    random = np.random.default_rng(0)
    truth, said = random.normal(size=50), random.normal(size=50)
    assert Pearson().score(truth + 1e8, said) == pytest.approx(Pearson().score(truth, said), abs=1e-6)
    assert Spearman().score(np.exp(truth), said) == pytest.approx(Spearman().score(truth, said), abs=1e-12)
