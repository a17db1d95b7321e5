"""Settings that are not the usual ones, as a user writes them: given back, they make the same spec."""

from __future__ import annotations

import pytest

from headstart.core.registry import load
from headstart.core.setting_lines import changed_settings

CHANGED = [
    ("joined", ["columns=hog", "default=3.0"]),
    ("joined", ["columns=hog,kmeans_patches"]),
    ("probe", ["layer=2"]),
    ("finetune", ["epochs=3", "optimizer=muon", "choose_learning_rate=false"]),
    ("scratch", ["optimizer=muon", "optimizer.momentum=0.5"]),
]


@pytest.mark.parametrize(("name", "settings"), CHANGED)
def test_given_back_they_make_the_same_spec(name, settings):
    usual = load("route", name)()
    spec = usual.with_settings([tuple(one.split("=")) for one in settings])
    told = changed_settings(spec)
    assert usual.with_settings([tuple(one.split("=")) for one in told]) == spec
    assert changed_settings(usual) == []
