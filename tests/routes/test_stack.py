"""Stacking: weights from held-out answers; the first member alone where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core.examples import Examples
from headstart.fitting.workspace import Workspace
from headstart.routes.stack import Stacking, weights

pytestmark = pytest.mark.usefixtures("few_strengths")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), corpus)


def planted(count: int, quality: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities [M, N, 2] of members that are right so often, 0.8 to 0.2 sure, and the truth."""
    random = np.random.default_rng(0)
    truth_N = random.integers(2, size=count)
    told = [np.where(random.random(count) < good, truth_N, 1 - truth_N) for good in quality]
    return np.stack([np.where(say[:, None] == np.arange(2), 0.8, 0.2) for say in told]), truth_N


def test_good_members_count_more_and_useless_ones_not():
    good, useless = weights(*planted(2000, (0.9, 0.5)))
    assert good > 1.3  # it is right more often than it claims
    assert useless < 0.05


def test_rows_decide_and_without_any_the_first_is_left():
    scores_MNC, truth_N = planted(2000, (0.9, 0.6))
    assert np.allclose(weights(scores_MNC[:, :0], truth_N[:0]), [1, 0])
    assert weights(scores_MNC[::-1], truth_N)[1] > 1.0


def test_rows_never_held_out_are_not_looked_at():
    scores_MNC, truth_N = planted(200, (0.9, 0.6))
    expected = weights(scores_MNC[:, :150], truth_N[:150])
    scores_MNC[:, 150:] = np.nan
    assert np.allclose(weights(scores_MNC, truth_N), expected)


def test_a_member_that_knows_nothing_is_found(workspace):
    model = Stacking(members=("tfidf_svm", "majority")).run(rows(60), workspace, seed=0)
    test = rows(100, seed=9)
    assert (model.predict_proba(test).argmax(axis=1) == test.labels).mean() > 0.9
    assert dict(model.notes["weights"])["tfidf_svm"] > 0.5
    assert model.notes["held_out_rows"] == 60


def test_without_folds_or_time_the_first_counts(workspace):
    single = Examples(["good film", "bad film"], labels=np.array([0, 1]), classes=("a", "b"))
    for train, seconds in ((single, None), (rows(30), 0.0)):
        model = Stacking(members=("tfidf_svm", "tfidf_nb")).run(train, workspace, seed=0, seconds=seconds)
        assert model.notes["held_out_rows"] == 0
        assert [weight for _, weight in model.notes["weights"]] == [1.0, 0.0]
