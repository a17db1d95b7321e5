"""Scores and differences with intervals: never beyond what the metric can be."""

from __future__ import annotations

import pytest

from headstart.reporting.number_text import signed_with_interval, with_interval


@pytest.mark.parametrize(
    ("value", "low", "high", "limits", "told"),
    [
        (0.618, 0.585, 0.651, (0.0, 1.0), ".618 [.585, .651]"),
        (8.3, -20.4, 37.0, (0.0, 100.0), "8.3 [0.0, 37.0]"),
        (-0.019, -0.06, 0.022, (-1.0, 1.0), "−.019 [−.060, .022]"),
        (0.98, 0.95, 1.01, (0.0, 1.0), ".980 [.950, 1.000]"),
        (0.5, float("nan"), float("nan"), (0.0, 1.0), ".500"),
    ],
)
def test_scores_stay_within_the_limits(value, low, high, limits, told):
    assert with_interval(value, low, high, limits) == told
    assert with_interval(value, -9e9, 9e9, limits).count("[") == 1


def test_differences_stay_within_what_two_scores_can_differ():
    assert signed_with_interval(-4.9, -182.3, 172.5, (0.0, 100.0)) == "−4.9 [−100.0, +100.0]"
    assert signed_with_interval(0.4, -1.2, 2.4, (-1.0, 1.0)) == "+.400 [−1.200, +2.000]"
    assert signed_with_interval(0.057, 0.012, 0.102) == "+.057 [+.012, +.102]"
