"""No number outside of its bounds, no sentence that contradicts the table: a property of all studies (bar F5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_studies import found_in

from headstart.comparing import verdict
from headstart.statistics import analysis, intervals, worth


@settings(max_examples=12)  # tests/full draws many more
@given(st.integers(0, 10**6))
def test_no_number_outside_of_its_bounds_and_no_sentence_against_the_table(seed):
    assert found_in(seed) == []


def plain_interval(bounds, value, half, least):
    return value - half, value + half


def holed_worth(entry, size, curve, places):
    found = real_answer(entry, size, curve, places)
    return replace(found, low=60.0, high=66.0)  # as of an undecided set with a hole


def hasty_payoff(study, table):
    found = real_payoff(study, table)
    return replace(found, outcome="worth") if found.classical and found.classical.value > 0 else found


real_answer, real_payoff = worth._answer, verdict.judge_payoff
PLANTED = {
    "intervals that leave the bounds": (intervals.Bounds, "interval", plain_interval, "outside of ["),
    "an interval beside its estimate": (worth, "_answer", holed_worth, "outside of [60.0"),
    "worth it by the mean alone": (verdict, "judge_payoff", hasty_payoff, "worth it although"),
    "use what is not shown": (analysis.EntrySummary, "learned", False, "which is not shown"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_faults_are_found(fault, monkeypatch):
    owner, name, wrong, told = PLANTED[fault]
    if name == "learned":
        monkeypatch.setattr(analysis.SizeTable, "leader", property(lambda table: next(iter(table.judged), None)))
    else:
        monkeypatch.setattr(owner, name, wrong)
    assert any(told in one for seed in range(60) for one in found_in(seed))
