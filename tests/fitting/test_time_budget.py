"""The clock of a route: its parts, what is left, and whether another fit may be begun."""

from __future__ import annotations

import math
import time

import pytest

from headstart.fitting import time_budget as module
from headstart.fitting.time_budget import Clock


def test_time_is_divided_and_handed_on():
    clock = Clock(8.0, 4)
    assert clock.part() == pytest.approx(2.0, abs=0.05)
    assert clock.part() == pytest.approx(8 / 3, abs=0.05)
    assert clock.share(0.5) == pytest.approx(4.0, abs=0.05)
    assert clock.more
    assert not clock.out


def test_without_a_limit_it_never_ends():
    clock = Clock(None, 2)
    assert (clock.part(), clock.share(0.3), clock.left) == (None, None, math.inf)
    assert clock.more
    assert not clock.out


def test_a_part_is_never_nothing():
    late = Clock(0.0, 1)
    time.sleep(0.001)
    assert late.out
    assert not late.more
    assert late.part() == late.share(1.0) == 0.1


def test_another_fit_is_begun_when_the_last_one_would_mostly_fit_in(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    clock = Clock(10.0, 5)
    clock.part()
    now[0] = 4.0  # twice its part
    assert clock.more
    clock.part()
    now[0] = 8.0  # two seconds are left for something that takes four
    assert not clock.more
    assert not clock.out
