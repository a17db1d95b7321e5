"""Bagging: other resamples, the out-of-bag estimate is of rows not seen, time."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.workspace import Workspace
from headstart.routes.bag import Bag

pytestmark = pytest.mark.usefixtures("few_strengths")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), corpus)


def test_learns_and_judges_itself(workspace):
    train, test = rows(80), rows(200, seed=9)
    model = Bag(member="tfidf_svm", count=8).run(train, workspace, seed=0)
    accuracy = (model.predict_proba(test).argmax(axis=1) == test.labels).mean()
    assert accuracy > 0.9
    assert model.notes["out_of_bag_accuracy"] == pytest.approx(accuracy, abs=0.1)
    assert model.notes["out_of_bag_rows"] > 70


def test_members_differ_and_the_seed_decides(workspace):
    route, train, new = Bag(member="tfidf_nb", count=3), rows(16), rows(6, seed=5)
    first, again, other = (route.run(train, workspace, seed=seed).predict_proba(new) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    members = [model.predict_proba(new) for _, model in route.run(train, workspace, seed=1).members]
    assert not np.allclose(members[0], members[1])
    assert np.allclose(np.mean(members, axis=0), first)


def test_out_of_bag_accuracy_of_random_labels_is_chance(workspace):
    train = rows(120)
    noise = Examples(train.items, None, np.random.default_rng(0).permutation(train.labels), train.classes)
    model = Bag(member="tfidf_logreg", count=8).run(noise, workspace, seed=0)
    assert model.notes["out_of_bag_accuracy"] < 0.65


def test_time_ends_it_after_a_whole_fit(workspace):
    model = Bag(count=500).run(rows(20), workspace, seed=0, seconds=0.2)
    assert 1 <= model.notes["fits"] < 500
    assert np.isfinite(model.predict_proba(rows(4))).all()


def test_a_count_below_one_is_refused():
    with pytest.raises(HeadstartError, match="at least 1"):
        Bag(count=0)
