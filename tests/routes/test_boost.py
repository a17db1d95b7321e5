"""Boosting: it helps a weak member, leaves a strong one alone, keeps every class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.fitting import ensemble
from headstart.fitting.workspace import Workspace
from headstart.routes.boost import Boost

pytestmark = pytest.mark.usefixtures("few_strengths")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), corpus)


class _Stump(TaskModel):
    """Says the class that is most frequent among training rows with the word, and among those without it."""

    def __init__(self, word: str, without: np.ndarray, having: np.ndarray, classes: tuple[str, ...]):
        self.word, self.share, self.classes, self.notes = word, (without, having), classes, {}

    def predict_proba(self, examples: Examples) -> np.ndarray:
        return np.array([self.share[self.word in text.split()] for text in examples.items]).reshape(len(examples), -1)

    def save(self, folder) -> None:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class _OneWord(RouteSpec):
    """The best single word: the weak learner that boosting was made for."""

    def run(self, examples, workspace, *, seed, seconds=None) -> _Stump:
        stumps = []
        for word in sorted({word for text in examples.items for word in text.split()}):
            there = np.array([word in text.split() for text in examples.items])
            shares = []
            for part in (~there, there):
                counts = np.bincount(examples.labels[part], minlength=len(examples.classes)) + 0.01
                shares.append(counts / counts.sum())
            right = np.where(there, shares[1].argmax(), shares[0].argmax()) == examples.labels
            stumps.append((right.mean(), word, shares))
        _, word, (without, having) = max(stumps, key=lambda stump: stump[0])
        return _Stump(word, without, having, examples.classes)


def test_a_weak_member_becomes_a_strong_ensemble(workspace, monkeypatch):
    monkeypatch.setattr(ensemble, "_member", lambda text: _OneWord())
    train, test = rows(300), rows(400, seed=9)
    accuracy = {}
    for count in (1, 20):
        model = Boost(count=count).run(train, Workspace(bag_base(), corpus), seed=0)
        accuracy[count] = (model.predict_proba(test).argmax(axis=1) == test.labels).mean()
    assert accuracy[1] < 0.75
    assert accuracy[20] > accuracy[1] + 0.15
    assert model.notes["fits"] > 4


def test_a_member_without_errors_stays_alone(workspace):
    train, new = rows(60), rows(20, seed=7)
    model = Boost(member="tfidf_svm").run(train, workspace, seed=0)
    alone = registry.load("route", "tfidf_svm")().run(train, workspace, seed=0)
    assert model.notes["fits"] == 1
    assert np.allclose(model.predict_proba(new), alone.predict_proba(new))


def test_noise_is_not_boosted(workspace):
    train = rows(80)
    noise = Examples(train.items, None, np.random.default_rng(1).permutation(train.labels), train.classes)
    assert Boost(member="tfidf_nb", count=6).run(noise, workspace, seed=0).notes["fits"] <= 2


def test_every_class_stays_and_groups_are_kept_together(workspace):
    base = rows(61)
    labels = np.array([2] + list(base.labels[1:]))
    odd = Examples(base.items, None, labels, ("bad", "good", "rare", "never"), [str(n // 2) for n in range(61)])
    scores_NC = Boost(member="tfidf_nb", count=4).run(odd, workspace, seed=0).predict_proba(odd)
    assert (scores_NC[:, 2] > 0).all()
    assert (scores_NC[:, 3] == 0).all()


def test_time_ends_it_after_a_whole_fit(workspace):
    assert Boost(count=500).run(rows(20), workspace, seed=0, seconds=0.0).notes["fits"] == 1
