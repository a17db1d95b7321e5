"""Forecasts: known laws are continued, intervals hold what comes, too little is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import drawn_study

from headstart.comparing.verdict import outlook
from headstart.reporting.verdict_text import outlook_text
from headstart.statistics.analysis import Analysis, analyse
from headstart.statistics.forecast import covariance, crossover, curves, expected, fit, forecast, weighted_quantiles

SIZES = np.array([16.0, 64.0, 256.0, 1024.0])
EXACT = 1e-8 * np.eye(4)


@pytest.mark.parametrize(("limit", "rise", "exponent"), [(0.9, 0.8, 0.4), (0.8, 1.0, 0.7), (0.95, 0.6, 0.2)])
def test_a_power_law_is_continued(limit, rise, exponent):
    found = fit(SIZES, limit - rise * SIZES**-exponent, EXACT, 10)
    for labels in (2048, 4096):
        one = expected(found, "row", labels)
        true = limit - rise * labels**-exponent
        assert one.value == pytest.approx(true, abs=0.02)
        assert one.low < true < one.high
        assert one.low < one.value < one.high < limit + 0.06


def test_the_interval_grows_with_the_distance_and_stays_within_the_scores():
    found = fit(SIZES, np.array([0.7, 0.8, 0.88, 0.95]), EXACT, 10)
    spans = [expected(found, "row", labels) for labels in (1024, 2048, 4096)]
    assert np.all(np.diff([one.high - one.low for one in spans]) > 0)
    assert max(one.high for one in spans) <= 1.0


def test_scores_that_fall_are_continued_level():
    one = expected(fit(SIZES, np.array([0.8, 0.7, 0.6, 0.5]), EXACT, 10), "row", 4096)
    assert 0.4 < one.value < 0.8


def test_back_test_on_noisy_curves():
    random, hits = np.random.default_rng(0), 0
    for number in range(100):
        limit, rise, exponent = random.uniform(0.8, 0.98), random.uniform(0.5, 1.2), random.uniform(0.2, 0.8)
        noise = 0.01 * random.normal(size=4)
        found = fit(SIZES, limit - rise * SIZES**-exponent + noise, 1e-4 * np.eye(4), 10, str(number))
        one = expected(found, "row", 4096)
        hits += one.low <= limit - rise * 4096**-exponent <= one.high
    assert hits >= 88


def test_the_covariance_holds_what_label_counts_share():
    random = np.random.default_rng(0)
    shared_DG = random.normal(size=(40, 1)) + random.normal(size=(1, 60))
    stack_KDG = np.stack([shared_DG, shared_DG, random.normal(size=(40, 60))])
    found = covariance(stack_KDG, np.zeros(3))
    assert found[0, 1] == pytest.approx(found[0, 0])
    assert abs(found[0, 2]) < 0.1 * found[0, 0]
    assert covariance(stack_KDG, np.full(3, 0.4))[0, 0] > found[0, 0]


def study(skills, sizes=(16, 64, 256)):
    made = drawn_study({name: (kind, None, 0.5) for name, kind in skills}, sizes=sizes, draws=5, test=1500)
    return made


def grown(shares, sizes=(16, 64, 256)):
    """A study whose rows have given scores at each label count, with noise."""
    random = np.random.default_rng(0)
    made = study([(name, "classical") for name in shares], sizes)
    cells = []
    for cell in made.cells:
        share = shares[cell.entry][sizes.index(cell.size)] + 0.01 * random.normal()
        answer_N = np.where(random.random(1500) < share, made.truth, 1 - made.truth)
        score = float((answer_N == made.truth).mean())
        cells.append(replace(cell, answers=answer_N.astype(np.uint16), score=score))
    return replace(made, cells=tuple(cells))


def test_rows_that_meet_and_rows_that_do_not():
    made = grown({"early": (0.80, 0.82, 0.83), "late": (0.60, 0.70, 0.80), "flat": (0.6, 0.6, 0.6)})
    found = analyse(made)
    meet = crossover(found, "late", "early", made.overlaps)
    assert (meet.first, meet.second, meet.measured, meet.limit) == ("early", "late", 256, 1024)
    assert 256 < meet.value < 900
    assert meet.chance > 0.8
    apart = crossover(found, "early", "flat", made.overlaps)
    assert apart.chance < 0.05
    assert apart.value is None


def test_forecasts_need_three_label_counts_and_two_draws():
    made = grown({"early": (0.8, 0.82), "late": (0.6, 0.7)}, (16, 64))
    assert forecast(analyse(made), made.overlaps) == {}
    assert outlook(made, analyse(made)) is None
    assert outlook_text(None, "en") == ""
    assert crossover(analyse(made), "early", "late", made.overlaps) is None


def test_the_outlook_is_told_in_both_languages():
    made = grown({"early": (0.80, 0.82, 0.83), "late": (0.60, 0.70, 0.80)})
    made = replace(
        made, entries=tuple(replace(f, kind="pretrained" if f.name == "late" else f.kind) for f in made.entries)
    )
    found = outlook(made, analyse(made))
    assert found.labels == 512
    assert {one.entry for one in found.entries} == {"early", "late"}
    assert "Expected at 512 labels" in outlook_text(found, "en")
    assert "late would catch up with early at about" in outlook_text(found, "en")
    assert "라벨 512개에서 기대되는 점수" in outlook_text(found, "ko")


def test_weighted_quantiles_by_hand():
    value_S, weight_S = np.array([3.0, 1.0, 2.0]), np.array([0.5, 0.25, 0.25])
    assert weighted_quantiles(value_S, weight_S, (0.2, 0.5, 0.9)) == [1.0, 2.0, 3.0]
    assert weighted_quantiles(value_S, 40 * weight_S, (0.2, 0.5, 0.9)) == [1.0, 2.0, 3.0]
    assert weighted_quantiles(value_S, weight_S, (0.0, 0.25, 0.26, 1.0)) == [1.0, 1.0, 2.0, 3.0]


def test_scores_that_no_law_fits_still_weigh_the_exponents():
    """.5, .9, .6: so far from any law that every likelihood is smaller than the smallest number."""
    found = fit(np.array([16.0, 64, 256]), np.array([0.5, 0.9, 0.6]), 1e-8 * np.eye(3), 10)
    assert np.isfinite(found.weight_S).all()
    assert (found.weight_S == 0).any()  # falling curves and those beyond 1, though it fits none well
    assert found.weight_S.sum() == pytest.approx(1)


@pytest.mark.parametrize(("draws", "sizes", "told"), [(2, 3, False), (3, 2, False), (3, 3, True)])
def test_a_forecast_needs_three_draws_at_three_label_counts(draws, sizes, told):
    made = drawn_study({"early": ("classical", None, 0.5)}, sizes=(16, 64, 256)[:sizes], draws=draws, test=300)
    assert bool(forecast(analyse(made), made.overlaps)) is told
    assert forecast(Analysis({}, 2, 0.5, "", (0.0, 1.0)), {}) == {}


@pytest.mark.parametrize(("beyond", "told"), [(0.0, True), (-0.9, False)])
def test_curves_that_leave_the_scale_say_nothing(beyond, told):
    made = study([("early", "classical")])
    found = analyse(made)
    moved = replace(found, evidence={cell: values + beyond for cell, values in found.evidence.items()})
    assert (curves(moved, "early", made.overlaps) is not None) is told


@pytest.mark.parametrize("overlap", [0.999, 1.0])
def test_a_whole_pool_is_forecast_as_independent_draws_of_it(overlap):
    made = study([("early", "classical")])
    whole = forecast(analyse(made), {16: overlap, 64: overlap, 256: overlap})
    assert whole == forecast(analyse(made), {16: 0.0, 64: 0.0, 256: 0.0})
    assert whole != forecast(analyse(made), {16: 0.5, 64: 0.5, 256: 0.5})


def test_test_rows_of_one_block_add_nothing_that_is_known():
    stack_KDG = np.random.default_rng(0).normal(size=(3, 40, 1))
    found = covariance(stack_KDG, np.zeros(3))
    assert found == pytest.approx(np.cov(stack_KDG[:, :, 0]) / 40)


def test_entries_of_unlike_label_counts_are_not_crossed():
    made = grown({"early": (0.80, 0.82, 0.83, 0.84), "late": (0.60, 0.70, 0.80, 0.82)}, (16, 64, 256, 1024))
    kept = tuple(cell for cell in made.cells if (cell.entry, cell.size) != ("late", 1024))
    found = analyse(replace(made, cells=kept))
    assert set(forecast(found, made.overlaps)) == {"early"}
    assert crossover(found, "early", "late", made.overlaps) is None
    assert crossover(analyse(made), "early", "late", made.overlaps) is not None
