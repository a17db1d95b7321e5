"""sizing/planning: each run of the same parts is tried once, and the advice follows what was gained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.core import registry
from headstart.sizing.default_recipe import choose_recipe, resolved
from headstart.sizing.evidence import Gain
from headstart.sizing.facts import Facts
from headstart.sizing.planning import Planner, Trial, advise
from headstart.training.pace import Pace

TRIAL = Trial(
    pace=Pace(step=0.1, units=2_000, unit="tokens", evaluation=0.5, saving=0.1, before=300, memory=500),
    preparing=20.0,
    documents=100_000,
    vocabulary=8_192,
    parameters=1_700_000,
    epoch=2_000_000,
)


@pytest.fixture
def planner():
    """Plans for texts; every trial is the same, and which were asked for is in `asked`."""
    asked = []
    found = Planner({"paths": ["texts.txt"]}, "text", lambda spec: asked.append(spec) or TRIAL)
    found.asked = asked
    return found


def test_runs_of_the_same_parts_are_tried_once(planner):
    two, thirty = planner.rows(2, "classify", 64), planner.rows(30, "classify", 64)
    assert [row.family for row in two] == ["halves", "mlm"]
    networks = [(spec.objective.name, spec.backbone) for spec in planner.asked]
    assert len(networks) == len(set(networks))
    assert thirty[0].trial is two[0].trial
    assert planner.rows(2, "classify", 64, ["mlm"])[0].forecast == two[1].forecast


def test_a_recipe_gives_settings_to_its_own_objective_alone():
    facts = Facts({"paths": ["texts.txt"]}, 600.0, None)
    mlm = choose_recipe("mlm", facts)[0]
    assert resolved(mlm, "mlm", facts).objective.mask_ratio == resolved(mlm, None, facts).objective.mask_ratio == 0.3
    assert resolved(mlm, "span", facts).objective.name == "span"
    assert resolved(registry.load("recipe", "bert")(), "mlm", facts).objective.mask_ratio == 0.15


def test_a_budget_is_spent_or_the_most_epochs_are_done(planner):
    halves, mlm = planner.rows(10, "classify", 64)
    assert mlm.forecast.seconds == pytest.approx(600, abs=1)
    # Sixteen passes of 1,000 steps are more than the 580 s that are left after preparing.
    assert halves.forecast.seconds == pytest.approx(600, abs=1)
    (long,) = planner.rows(120, "classify", 64, ["halves"])
    assert long.epochs == pytest.approx(16)
    assert long.forecast.seconds < 1_800


def test_without_time_there_is_no_row():
    planner = Planner({"paths": ["texts.txt"]}, "text", lambda spec: None)
    assert planner.rows(2, "classify", 64) == []


def test_larger_texts_take_longer_and_need_more_steps_a_pass():
    twice = TRIAL.scaled(2.0)
    assert (twice.preparing, twice.documents, twice.epoch) == (40.0, 200_000, 4_000_000)
    assert twice.pace == TRIAL.pace


def gained(low: float, middle: float, high: float) -> Gain:
    return Gain(low, middle, high, (0.5, 0.9), 3)


def test_the_family_that_gained_most_is_advised(planner):
    halves, mlm = planner.rows(10, "classify", 64)
    told = advise([replace(halves, gain=gained(-0.02, 0.03, 0.07)), replace(mlm, gain=None)], "halves", "text")
    assert told.row.family == "halves"
    assert told.reason == "gained -0.020 to +0.070 (scores 0.50 to 0.90, 3 sets) over the best row without pre-training"
    other = [replace(halves, gain=gained(-0.02, 0.01, 0.03)), replace(mlm, gain=gained(0.0, 0.04, 0.05))]
    assert advise(other, "halves", "text").row.family == "mlm"


def test_without_a_row_of_the_default_another_is_judged(planner):
    rows = [replace(row, gain=None) for row in planner.rows(10, "classify", 64, ["mlm"])]
    assert advise(rows, "halves", "text").row.family == "mlm"


def test_what_never_gained_is_advised_against(planner):
    rows = [replace(row, gain=gained(-0.3, -0.2, 0.0)) for row in planner.rows(10, "classify", 64)]
    told = advise(rows, "halves", "text")
    assert told.row is None
    assert "gained on none of the sets" in told.reason


def test_few_texts_are_advised_against(planner):
    rows = planner.rows(10, "classify", 64)
    few = [replace(row, trial=replace(row.trial, documents=300)) for row in rows]
    told = advise(few, "halves", "text")
    assert told.row is None
    assert told.reason.startswith("300 texts, and it was never worth it on fewer than ")


def test_where_nothing_was_measured_the_comparison_is_named(planner):
    rows = [replace(row, gain=None) for row in planner.rows(10, "classify", 64)]
    told = advise(rows, "halves", "text")
    assert told.row.family == "halves"
    assert "headstart compare" in told.reason
