"""Worth in labels: read off curves of known shape; what lies beyond the measured range is said to."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import simulation

from headstart.comparing.verdict import decide
from headstart.reporting.number_text import two_digits
from headstart.reporting.verdict_text import size_text, worth_span
from headstart.statistics.analysis import analyse
from headstart.statistics.worth import label_worth

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
