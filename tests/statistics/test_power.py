"""The smallest findable difference: against the noncentral t, and as part of the verdict."""

from __future__ import annotations

import pytest
from scipy import stats
from synthetic_study import drawn_study

from headstart.comparing.verdict import decide
from headstart.reporting.verdict_text import verdict_sentences
from headstart.statistics.analysis import analyse
from headstart.statistics.intervals import Variance
from headstart.statistics.power import POWER, detectable, first_level, smallest_found, telling_pair

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
