"""Several seeds of one route: the mean of its fits, less luck, time."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core import registry
from headstart.fitting.workspace import Workspace
from headstart.routes.seeds import Seeds

pytestmark = pytest.mark.usefixtures("few_strengths")

QUICK = "finetune:epochs=1:least_steps=4:head_steps=2:choose_learning_rate=false"


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), corpus)


def test_is_the_mean_of_different_fits_and_the_first_is_the_route_itself(workspace):
    route, train, new = Seeds(member=QUICK, count=3), rows(40), rows(8, seed=5)
    model = route.run(train, workspace, seed=4)
    fits = [member.predict_proba(new) for _, member in model.members]
    assert np.allclose(model.predict_proba(new), np.mean(fits, axis=0))
    assert not np.allclose(fits[0], fits[1])
    assert not np.allclose(fits[1], fits[2])
    assert np.allclose(fits[0], route.specs()[0].run(train, workspace, seed=4).predict_proba(new))


def test_other_seeds_share_no_fit(workspace):
    route, train, new = Seeds(member=QUICK, count=3), rows(40), rows(8, seed=5)
    one, other = ([m.predict_proba(new) for _, m in route.run(train, workspace, seed=seed).members] for seed in (0, 1))
    assert not any(np.allclose(a, b) for a in one for b in other)


def test_fits_that_are_all_alike_are_told(workspace):
    """Sixteen rows are one batch, and a head that is solved has no random start: nothing is left to the seed."""
    spread = [Seeds(member=QUICK, count=2).run(rows(n), workspace, seed=4).notes["spread"] for n in (16, 40)]
    assert spread[0] < 1e-4 < spread[1]


def test_time_ends_it_after_a_whole_fit(workspace):
    model = registry.load("route", "seeds")(count=500).run(rows(16), workspace, seed=0, seconds=0.5)
    assert 1 <= model.notes["fits"] < 500
