"""Small versions of benchmarks/simulation.py: coverage, false claims under two humps, power (bar C1)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from simulated import simulation

from headstart.metrics.macro_f1 import MacroF1
from headstart.statistics import analysis


@pytest.mark.parametrize("scenario", simulation.SCENARIOS[1::2], ids=lambda scenario: scenario.name)
def test_intervals_cover_the_truth(scenario):
    shares = simulation.coverage(scenario, 30)
    assert min(shares) >= 0.8  # 95 % of 30 studies, less 3.8 standard errors


@pytest.mark.parametrize("scenario", [simulation.SCENARIOS[0], simulation.SCENARIOS[7]], ids=lambda one: one.name)
def test_the_known_truth_is_that_of_many_answers(scenario):
    random = np.random.default_rng(0)
    truth_N, answer_MDN, _ = replace(scenario, draws=60, rows=5000).answers(random, [0.8])
    metric = MacroF1() if scenario.macro else simulation.ACCURACY
    scores = [metric.score(truth_N, answer_N) for answer_N in answer_MDN[0]]
    assert scenario.truth(0.8) == pytest.approx(np.mean(scores), abs=4 * np.std(scores) / 60**0.5)


@pytest.mark.parametrize("draws", [3, 5, 8])
def test_two_humps_are_no_difference(draws):
    learned, differs = simulation.false_claims(draws, 25)
    assert learned <= 0.16
    assert differs <= 0.16


def test_the_guards_are_what_keeps_them_from_being_one(monkeypatch):
    guarded = simulation.false_claims(5, 30)[1]
    monkeypatch.setattr(analysis, "FLIPPED", 0)
    monkeypatch.setattr(analysis, "flipped", lambda leads, fewest, two_sided=False: np.zeros(len(leads)))
    assert simulation.false_claims(5, 30)[1] > guarded + 0.05  # the planted fault: a t-test alone


def test_what_is_said_to_be_findable_is_found(monkeypatch):
    # The known truth is asked for at 2,001 means, each time by the same nodes.
    monkeypatch.setattr(np.polynomial.hermite_e, "hermegauss", cache(np.polynomial.hermite_e.hermegauss))
    wanted, share = simulation.power(8, 300, 0.15, 30, pilots=20)
    assert 0.02 < wanted < 0.2
    assert share >= 0.65  # 80 % of 30 studies, less 2 standard errors
