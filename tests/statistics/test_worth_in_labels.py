"""Worth in labels: read off curves of known shape; what lies beyond the measured range is said to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulation

from headstart.comparing.verdict import decide
from headstart.reporting.number_text import two_digits
from headstart.reporting.verdict_text import size_text, worth_span
from headstart.statistics.analysis import analyse
from headstart.statistics.intervals import Bounds, estimate, mixed_overlap
from headstart.statistics.worth import LabelWorth, label_worth, leads

KINDS = {"base": "pretrained", "classical": "classical"}
SIZES = (16, 64, 256, 1024)


def curve_study(base: float, curve=(0.6, 0.7, 0.8, 0.9), draws=6, rows=2000, seed=0):
    """A classical entry that gains .1 of right answers per fourfold labels; a base with `base` at 16 labels."""
    random = np.random.default_rng(seed)
    truth_N = random.integers(0, 2, rows)

    def answers(share):
        return np.where(random.random((draws, rows)) < share, truth_N, 1 - truth_N)

    found = {("classical", size): answers(share) for size, share in zip(SIZES, curve)}
    return simulation.study_of(truth_N, found | {("base", 16): answers(base)}, KINDS)


@pytest.mark.parametrize(("base", "labels"), [(0.65, 32), (0.75, 128), (0.85, 512)])
def test_within_the_range(base, labels):
    study = curve_study(base)
    found = label_worth(analyse(study), 16, study.overlaps, 2000)
    assert (found.entry, found.side, found.measured) == ("base", "within", (16, 1024))
    assert found.value == pytest.approx(labels, rel=0.25)
    assert found.low < labels < found.high
    assert found.high / found.low < 3


def test_beyond_the_range_it_stays_open():
    study = curve_study(0.97)
    found = label_worth(analyse(study), 16, study.overlaps, 2000)
    assert (found.side, found.value, found.low, found.high) == ("above", None, 1024.0, None)
    assert "worth more than 1,024 with the best classical entry, beyond" in size_text(
        decide(study, analyse(study))[0], analyse(study), "en"
    )
    study = curve_study(0.9, rows=300)
    found = label_worth(analyse(study), 16, study.overlaps, 300)
    assert found.high is None
    assert 256 < found.low < 1024
    low = curve_study(0.52)
    found = label_worth(analyse(low), 16, low.overlaps, 2000)
    assert (found.side, found.value, found.low, found.high) == ("below", None, None, 16.0)


def test_a_dip_of_the_curve_is_read_as_level():
    study = curve_study(0.78, curve=(0.6, 0.75, 0.7, 0.9))
    found = label_worth(analyse(study), 16, study.overlaps, 2000)
    assert 256 < found.value < 1024


def test_nothing_to_tell():
    study = curve_study(0.7, draws=1)
    assert label_worth(analyse(study), 16, study.overlaps, 2000) is None
    assert label_worth(analyse(curve_study(0.7)), 64, study.overlaps, 2000) is None


def test_the_interval_covers_the_truth():
    assert simulation.worth_coverage(6, 20) >= 0.75


def test_numbers_of_labels_never_leave_what_was_measured():
    assert [two_digits(value, (16, 256)) for value in (16.4, 98.7, 251, 256)] == ["16", "99", "250", "256"]
    assert two_digits(1_337) == "1,300"
    found = label_worth(analyse(curve_study(0.97)), 16, curve_study(0.97).overlaps, 2000)
    assert found.surely_beyond
    assert worth_span(found) == "> 1,024"
    within = label_worth(analyse(curve_study(0.75)), 16, curve_study(0.75).overlaps, 2000)
    assert not within.surely_beyond
    assert worth_span(within).endswith("]")


BASES = (0.45, 0.58, 0.61, 0.65, 0.7, 0.75, 0.8, 0.86, 0.89, 0.91, 0.97)
CURVES = {"rising": (0.6, 0.7, 0.8, 0.9), "dip": (0.6, 0.75, 0.7, 0.9), "late": (0.6, 0.6, 0.61, 0.9)}


def read_off(places, curve, entry) -> LabelWorth:
    """The worth by its definition, from the leads along the curve."""
    labels, lead = [place.labels for place in places], [place.lead.value for place in places]
    ends = [place.lead.interval(0.05) for place in places]
    level = [min(lead[: place + 1]) for place in range(len(lead))]  # a curve that falls counts as level
    met = next((place for place, value in enumerate(level) if value <= 0), None)
    told = {place for place, (low, high) in enumerate(ends) if low <= 0 <= high}
    side, value = "within", None
    if met is None or met == 0:
        side = "above" if met is None else "below"
    else:
        told |= {met - 1, met}
        share = level[met - 1] / (level[met - 1] - level[met])
        value = labels[met - 1] * (labels[met] / labels[met - 1]) ** share
    fewest, most = labels[0], labels[-1]
    low = None if side == "below" else most if not told else None if 0 in told else labels[min(told) - 1]
    last = len(places) - 1
    high = None if side == "above" else fewest if not told else None if last in told else labels[max(told) + 1]
    return LabelWorth(entry, 16, curve, (16, 1024), side, value, low, high)


@pytest.mark.parametrize("shape", CURVES)
def test_value_and_interval_are_read_off_the_leads_along_the_curve(shape):
    seen = set()
    for number, base in enumerate(BASES):
        rows = (300, 1500)[number % 2]
        study = curve_study(base, CURVES[shape], rows=rows)
        found, curve = analyse(study), dict.fromkeys(SIZES, "classical")
        places = leads(found, ("base", 16), curve, range(6), study.overlaps, rows)
        wanted, told = read_off(places, curve, "base"), label_worth(found, 16, study.overlaps, rows)
        assert told == LabelWorth(**vars(wanted) | {"value": pytest.approx(wanted.value)})
        seen.add((told.side, told.low is None, told.high is None))
    assert len(seen) >= 4


def test_the_curve_is_looked_at_in_24_equal_steps_between_two_label_counts():
    study = curve_study(0.75)
    found, lucky = (
        analyse(study),
        (0.05, -0.02, 0.01, -0.06, 0.03, -0.01),
    )  # draws that differ, each curve in its own way
    turned = {"base": 0, "classical": 2}
    evidence = {
        (entry, size, draw): values + lucky[(draw + turned[entry] + size // 64) % 6]
        for (entry, size, draw), values in found.evidence.items()
    }
    found = replace(found, evidence=evidence)
    overlaps = {16: 0.1, 64: 0.4, 256: 0.3, 1024: 0.999}
    places = leads(found, ("base", 16), dict.fromkeys(SIZES, "classical"), range(6), overlaps, 2000)
    labels = np.array([place.labels for place in places])
    assert len(labels) == 24 * 3
    assert (labels[0], labels[24], labels[-1]) == pytest.approx((16, 64, 1024))
    steps = np.diff(np.log(labels))
    assert steps[:47] == pytest.approx(np.log(4) / 24)
    assert steps[48:] == pytest.approx(np.log(4) / 23)
    share = 10 / 24
    own, low, high = (found.stack(*cell, range(6)) for cell in (("base", 16), ("classical", 16), ("classical", 64)))
    by_hand = own - (1 - share) * low - share * high
    overlap = mixed_overlap([(own, 0.1), ((1 - share) * low, 0.1), (share * high, 0.4)])
    wanted = estimate(by_hand, overlap, 2000, bounds=Bounds.of_difference((0.0, 1.0)))
    assert places[10].lead.interval() == pytest.approx(wanted.interval())
    assert wanted.from_draws > 0.5
    assert places[10].lead.value == pytest.approx(wanted.value)


def test_a_worth_needs_three_draws_that_all_have_and_two_label_counts():
    for draws, told in ((2, False), (3, True)):
        study = curve_study(0.75, draws=draws)
        assert (label_worth(analyse(study), 16, study.overlaps, 2000) is not None) is told
    study = curve_study(0.75)
    for sizes, told in (((64,), False), ((64, 256), True)):
        cells = tuple(cell for cell in study.cells if cell.entry == "base" or cell.size in sizes)
        assert (label_worth(analyse(replace(study, cells=cells)), 16, study.overlaps, 2000) is not None) is told
