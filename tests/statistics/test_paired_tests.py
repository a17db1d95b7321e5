"""Holm's procedure and sign flips against hand calculations, and where a t-test alone claims too much."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.statistics.intervals import Estimate, estimate
from headstart.statistics.paired_tests import flipped, holm, sign_flips


def test_holm_by_hand():
    adjusted, level = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert level == pytest.approx([0.05 / 3, 0.05 / 2, 0.05 / 2, 0.05 / 4])
    assert holm([])[0].size == 0


def test_intervals_at_holm_levels_exclude_zero_exactly_where_claimed():
    random = np.random.default_rng(3)
    found = [Estimate(value, 1.0, 9.0, 0.5) for value in random.normal(2.5, 2.5, 40)]
    adjusted, level = holm([one.p_differs() for one in found])
    for one, p, alpha in zip(found, adjusted, level):
        low, high = one.interval(alpha)
        assert (low > 0 or high < 0) == (p <= 0.05)
    assert 3 < (adjusted <= 0.05).sum() < 37


def test_sign_flips_by_hand_and_for_many_draws():
    same = np.ones((1, 5))
    assert sign_flips(same) == pytest.approx([1 / 32])
    assert sign_flips(np.vstack([same, same])) == pytest.approx([1 / 32, 1 / 32])  # equal rows cost nothing
    assert sign_flips(np.array([[1.0, 1, 1, 1, -1]])) == pytest.approx([6 / 32])
    assert sign_flips(np.zeros((1, 5))) == pytest.approx([1.0])
    assert sign_flips(-same, two_sided=True) == pytest.approx([2 / 32])
    assert sign_flips(np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, -1, 1]])) == pytest.approx([2 / 32, 6 / 32])
    assert sign_flips(np.zeros((0, 5))).size == 0
    assert sign_flips(np.ones((2, 30)))[0] == pytest.approx(1 / 4096)


def test_scores_with_two_humps_fool_the_t_test_but_not_the_sign_flips():
    random, plain, flipped = np.random.default_rng(0), 0, 0
    for _ in range(1000):
        lead_D = 0.3 * random.choice([-1, 1], 6) + 0.02 * random.normal(size=6)
        plain += estimate(lead_D[:, None] + np.zeros((1, 20))).p_above() <= 0.01
        flipped += sign_flips(lead_D[None])[0] <= 0.05
    assert plain > 12  # the planted fault: at level 1 % more than 1.2 % false claims
    assert flipped <= 60


def test_flips_judge_only_leads_of_enough_draws():
    leads = [dict.fromkeys(range(5), 1.0), {0: 1.0, 1: 1.0}, dict.fromkeys(range(1, 6), 1.0)]
    assert flipped(leads, 5) == pytest.approx([1 / 32, 0.0, 1 / 32], abs=0.05)
    assert flipped(leads, 5)[1] == 0.0
    assert flipped([], 5).size == 0


def test_a_claim_is_made_where_the_adjusted_p_is_the_level():
    """The level of the tests behind it is the one at which the procedure went on."""
    adjusted, level = holm([0.025, 0.9], 0.05)
    assert adjusted.tolist() == [0.05, 0.9]
    assert level.tolist() == [0.025, 0.05]


def test_up_to_12_draws_every_pattern_of_signs_is_tried_and_beyond_so_many_random_ones():
    one_against = np.ones(12)
    one_against[0] = -1
    assert sign_flips(one_against[None])[0] == 13 / 4096
    assert sign_flips(np.ones((1, 30)))[0] == sign_flips(np.ones((1, 13)))[0] == 1 / 4096
    assert sign_flips(-np.ones((1, 30)))[0] == 1.0
    assert sign_flips(one_against[None], most=2048)[0] != 13 / 4096


def test_a_draw_that_a_lead_lacks_says_nothing_of_it():
    """Whatever other leads have there: the lead's own p-value is that of its own draws."""
    judged = flipped([dict.fromkeys(range(5), 1.0), dict.fromkeys(range(9), -1.0)], 5)
    assert judged == pytest.approx([sign_flips(np.array([[1.0] * 5 + [0.0] * 4, [-1.0] * 9]))[0], 1.0])
    assert judged[0] < 2 / 32
    assert flipped([dict.fromkeys((0, 2, 4, 6, 8), 1.0), {9: 1.0}], 5).tolist() == [1 / 32, 0.0]


def test_the_unit_of_a_lead_does_not_matter():
    leads = np.random.default_rng(2).normal(0.4, 1.0, (6, 9))
    for two_sided in (False, True):
        wanted = sign_flips(leads, two_sided)
        assert sign_flips(leads / 1000, two_sided) == pytest.approx(wanted)
        assert sign_flips(leads * np.array([[1e-6], [1], [100], [1e-3], [10], [1]]), two_sided) == pytest.approx(wanted)
