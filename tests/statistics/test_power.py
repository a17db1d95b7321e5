"""The smallest findable difference: against the noncentral t, and as part of the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats
from synthetic_study import drawn_study

from headstart.comparing.verdict import decide
from headstart.reporting.verdict_text import verdict_sentences
from headstart.statistics.analysis import analyse
from headstart.statistics.intervals import Variance
from headstart.statistics.power import POWER, Detectable, detectable, first_level, smallest_found, telling_pair

ROWS = {"tfidf": ("classical", None, 0.8), "probe · a": ("pretrained", "a", 0.95), "scratch · a": ("control", "a", 0.2)}


@pytest.mark.parametrize(("draws", "level"), [(10, 0.05), (5, 0.05 / 300), (3, 0.01)])
def test_power_is_that_of_the_noncentral_t(draws, level):
    found = smallest_found(Variance(0.01**2, 0.0, 0.0, 0.0, 0.0, 100), draws, 1.0, level)
    critical = stats.t.isf(level / 2, draws - 1)
    assert stats.nct.sf(critical, draws - 1, found / (0.01 / draws**0.5)) == pytest.approx(POWER, abs=0.005)


def test_more_draws_and_more_rows_help_where_the_variance_is():
    by_draw, by_test = Variance(1e-4, 0.0, 0.0, 0.0, 0.0, 100), Variance(0.0, 0.0, 1e-4, 0.0, 0.0, 100)
    assert smallest_found(by_draw, 20, 1.0, 0.05) < 0.7 * smallest_found(by_draw, 10, 1.0, 0.05)
    assert smallest_found(by_draw, 10, 4.0, 0.05) == pytest.approx(smallest_found(by_draw, 10, 1.0, 0.05))
    assert smallest_found(by_test, 10, 4.0, 0.05) == pytest.approx(smallest_found(by_test, 10, 1.0, 0.05) / 2)
    assert smallest_found(by_test, 20, 1.0, 0.05) == pytest.approx(smallest_found(by_test, 10, 1.0, 0.05))


def test_the_plan_finds_what_is_wanted_and_no_fewer_draws_do():
    study = drawn_study(ROWS, draws=6, test=4000, spread=0.05)
    found = analyse(study)
    pair = telling_pair(found.tables[16])
    assert {pair.first, pair.second} == {"probe · a", "tfidf"}
    now = detectable(found, 16, pair, 4000, 1.0)
    assert (now.more_draws, now.more_rows) == (0, 0)
    plan = detectable(found, 16, pair, 4000, now.value * 0.85)
    assert plan.more_draws > 0
    level = first_level(found)
    assert level == pytest.approx(0.05 / 3)
    assert smallest_found(pair.variance, 6 + plan.more_draws, 1.0, level) <= plan.wanted
    assert smallest_found(pair.variance, 5 + plan.more_draws, 1.0, level) > plan.wanted
    assert list(plan.by_draws) == [6, 12, 24]
    assert plan.by_draws[6] == plan.by_rows[4000] == plan.value


def test_undecided_verdicts_say_what_could_have_been_found():
    rows = ROWS | {"probe · a": ("pretrained", "a", 0.82)}
    study = drawn_study(rows, draws=8, test=500)
    found = analyse(study)
    (one,) = decide(study, found)
    assert one.worth.outcome == "undecided"
    assert f"of {one.plan.value:.3f} in 80 % of cases".replace("of 0.", "of .") in verdict_sentences(study, found)[1]
    assert "80 % 확률로 찾아내는 차이" in verdict_sentences(study, found, "ko")[1]


def test_one_draw_plans_nothing():
    study = drawn_study(ROWS, draws=1)
    found = analyse(study)
    assert decide(study, found)[0].plan is None


BY_DRAWS, BY_ROWS = Variance(1e-4, 0.0, 0.0, 0.0, 0.0, 100), Variance(0.0, 0.0, 1e-4, 0.0, 0.0, 100)


def planned(
    variance: Variance, wanted: float, overlap: float = 0.0, rows: int = 1000, scale: float = 1.0
) -> Detectable:
    """What a study of 10 draws could find if the lead of its best entry varied like this."""
    study = drawn_study(ROWS, draws=10, test=50)
    found = analyse(study)
    table = replace(found.tables[16], overlap=overlap)
    found = replace(found, tables={16: table}, limits=(-scale, scale))
    pair = replace(telling_pair(table), variance=variance, draws=10)
    return detectable(found, 16, pair, rows, wanted)


@pytest.mark.parametrize(("draws", "told"), [(20, 10), (110, 100), (190, 180), (200, 190), (201, None), (390, None)])
def test_a_plan_of_more_than_200_draws_is_none(draws, told):
    level = 0.05 / 3
    wanted = smallest_found(BY_DRAWS, draws, 1.0, level)
    plan = planned(BY_DRAWS, wanted)
    assert plan.level == pytest.approx(level)
    assert (plan.more_draws, plan.more_rows) == (told, None)


@pytest.mark.parametrize(
    ("times", "told"), [(1, 0), (3.001, 2100), (60.001, 60000), (99.99, 99000), (101, None), (190, None)]
)
def test_a_plan_of_more_than_100_times_the_test_rows_is_none(times, told):
    wanted = smallest_found(BY_ROWS, 10, times, 0.05 / 3) * (1 + 1e-9)
    plan = planned(BY_ROWS, wanted)
    assert plan.more_rows == told
    assert plan.more_draws == (0 if times == 1 else None)
    assert plan.by_rows == pytest.approx({1000 * n: plan.value / n**0.5 for n in (1, 2, 4)}, rel=1e-3)


@pytest.mark.parametrize(
    ("rows", "times", "told"), [(7, 2.0, 7), (40, 3.001, 81), (1000, 3.001, 2100), (1000, 1.5, 500)]
)
def test_rows_that_are_needed_are_rounded_up_to_two_digits(rows, times, told):
    wanted = smallest_found(BY_ROWS, 10, times, 0.05 / 3) * (1 + 1e-9)
    assert planned(BY_ROWS, wanted, rows=rows).more_rows == told


def test_of_a_whole_pool_no_more_draws_can_be_made():
    plan = planned(BY_DRAWS, 1e-3, overlap=1.0)
    assert (plan.more_draws, plan.by_draws) == (None, {})
    assert planned(BY_DRAWS, 10.0, overlap=1.0).more_draws == 0


def test_no_two_scores_differ_by_more_than_the_scale():
    far = Variance(0.25, 0.0, 0.0, 0.0, 0.0, 100)
    value = planned(far, 0.1, scale=1.0).value
    assert 0.5 < value < 2.0
    assert planned(far, 0.1, scale=value / 2 + 1e-6).value == value
    cut = planned(far, 0.1, scale=value / 2 - 1e-6)
    assert (cut.value, cut.by_draws[10], cut.by_rows[1000]) == (float("inf"),) * 3
    assert cut.by_draws[40] < value


def test_a_report_in_which_nothing_was_asked_has_no_level():
    found = analyse(drawn_study({"words": ("classical", None, 0.5)}, draws=6, test=50))
    assert first_level(found) != first_level(found)
