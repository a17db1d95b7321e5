"""Contrastive pairs: drawn when asked for, evenly, the same for the same number; vectors are tuned and stay so."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import torch
from tiny_bases import BASES, bag_base, corpus, rows, token_base

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.labelled_pairs import Alike, LabelledPairs, PairDraws
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.contrastive import Contrastive, default_learning_rate

pytestmark = pytest.mark.usefixtures("few_strengths")

QUICK = {"least_steps": 8, "most_steps": 8, "learning_rate": 0.01, "choose_learning_rate": False}


def test_a_pair_is_a_function_of_seed_and_number():
    labels_N = np.random.default_rng(0).integers(0, 3, 50)
    draws = PairDraws(labels_N, seed=4)
    whole = draws.at(np.arange(200))
    apart = [draws.at(np.array([number]))[0][0] for number in (7, 3, 150)]
    assert apart == [whole[0][number] for number in (7, 3, 150)]
    assert all(np.array_equal(a, b) for a, b in zip(whole, PairDraws(labels_N, seed=4).at(np.arange(200))))
    assert not np.array_equal(whole[0], PairDraws(labels_N, seed=5).at(np.arange(200))[0])


def test_pairs_say_what_they_are_and_classes_come_evenly():
    labels_N = np.repeat([0, 1, 2], [900, 90, 10])
    first_P, second_P, alike_P = PairDraws(labels_N, seed=1).at(np.arange(30_000))
    assert alike_P.mean() == 0.5
    assert np.array_equal(labels_N[first_P] == labels_N[second_P], alike_P)
    assert (first_P != second_P).all()
    for rows_P in (first_P, second_P):
        assert np.allclose(np.bincount(labels_N[rows_P]) / 30_000, 1 / 3, atol=0.02)
    small = np.unique(np.stack([first_P, second_P])[:, alike_P & (labels_N[first_P] == 2)], axis=1)
    assert small.shape[1] == 10 * 9  # every ordered pair of the smallest class, none with itself


def test_one_row_a_class_and_many_rows():
    first_P, second_P, alike_P = PairDraws(np.arange(150), seed=0).at(np.arange(3_000))
    assert (first_P[alike_P] == second_P[alike_P]).all()
    assert (first_P[~alike_P] != second_P[~alike_P]).all()
    begun = time.process_time()
    draws = PairDraws(np.arange(1_000_000) % 150, seed=0)  # all its pairs would be 5e11
    assert draws.at(np.arange(10**12, 10**12 + 64))[0].shape == (64,)
    assert time.process_time() - begun < 2.0


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("name", BASES)
def test_the_objective_sees_what_the_linear_model_sees(name, pairs):
    base, train = BASES[name](), rows(12, pairs=pairs)
    seen = FrozenVectors.of(train, Workspace(base, corpus), -1, "auto")
    batches = LabelledPairs(base, train, size=8, seed=3)
    first_P, second_P, alike_P = batches.draws.at(16 + np.arange(8))
    with torch.no_grad():
        found = Alike(seen.transform, "mean", pairs)(base.backbone.eval(), batches.at(2))
    one, two = (seen.features(train.take(rows_P)) for rows_P in (first_P, second_P))
    cosine_P = (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    assert found.count == 8
    assert float(found.total) == pytest.approx(((cosine_P - alike_P) ** 2).sum(), rel=1e-4)
    assert found.parts["same"] == pytest.approx(cosine_P[alike_P].mean(), abs=1e-5)


def test_all_pieces_of_a_long_text_are_drawn():
    base = token_base(max_tokens=16)
    train = Examples(["a" * 14 + "b" * 14, "c"], None, np.array([0, 1]), ("x", "y"))
    batches = LabelledPairs(base, train, size=32, seed=0)
    found = {tuple(ids.tolist()) for ids in batches.at(0).ids_N.split(batches.at(0).lengths_B.tolist())}
    assert len(found) == 3
    assert max(map(len, found)) <= 16


def _apart(vectors_ND: np.ndarray, labels_N: np.ndarray) -> float:
    """Return how much more alike rows of one class are than rows of two."""
    cosine_NN = vectors_ND @ vectors_ND.T
    alike_NN = labels_N[:, None] == labels_N
    return cosine_NN[alike_NN & ~np.eye(len(labels_N), dtype=bool)].mean() - cosine_NN[~alike_NN].mean()


@pytest.mark.parametrize("name", BASES)
def test_new_rows_of_one_class_become_alike(name):
    workspace, train, test = Workspace(BASES[name](), corpus), rows(60), rows(60, seed=9)
    before, identity = FrozenVectors.of(train, workspace, -1, "auto").features(test), workspace.base.identity
    model = Contrastive(least_steps=60, most_steps=60, learning_rate=0.02, choose_learning_rate=False).run(
        train, workspace, seed=0
    )
    assert _apart(model.frozen.features(test), test.labels) > _apart(before, test.labels) + 0.3
    assert (model.predict_proba(test).argmax(1) == test.labels).mean() > 0.9
    assert workspace.base.identity == identity
    assert model.notes["pairs"] == 60 * Contrastive().batch


def test_the_same_seed_is_the_same_model_and_a_saved_one_too(tmp_path):
    workspace, route, new = Workspace(token_base(), corpus), Contrastive(**QUICK), rows(9, seed=5)
    model, again = (route.run(rows(12), workspace, seed=2) for _ in range(2))
    assert np.array_equal(model.predict_proba(new), again.predict_proba(new))
    assert not np.array_equal(model.predict_proba(new), route.run(rows(12), workspace, seed=3).predict_proba(new))
    save_task(model, tmp_path / "task", route, {})
    assert np.array_equal(load_task(tmp_path / "task").predict_proba(new), model.predict_proba(new))


def test_many_classes_unseen_ones_and_one_alone():
    workspace, texts = Workspace(bag_base(), corpus), [f"{text} {place}" for place, text in enumerate(corpus(150))]
    names = tuple(f"intent {place}" for place in range(151))
    one_each = Examples(texts, None, np.arange(150), names)
    scores_NC = Contrastive(**QUICK).run(one_each, workspace, seed=0).predict_proba(one_each)
    assert (scores_NC[:, 150] == 0).all()
    assert (scores_NC.argmax(1) == np.arange(150)).mean() > 0.5
    alone = Examples(texts[:5], None, np.zeros(5, np.int64), names)
    model = Contrastive(**QUICK).run(alone, workspace, seed=0)
    assert (model.predict_proba(alone).argmax(1) == 0).all()
    assert model.notes["steps"] == 0


def test_seconds_end_the_tuning():
    begun = time.monotonic()
    route = Contrastive(pairs=10**6, most_steps=10**6)
    model = route.run(rows(24), Workspace(bag_base(), corpus), seed=0, seconds=0.5)
    assert time.monotonic() - begun < 4.0
    assert 0 < model.notes["steps"] < 10**6


def test_what_is_tuned_is_what_the_linear_model_reads(monkeypatch):
    """A sentence model says itself how its vectors are read."""
    read = []
    default = Alike.__init__
    monkeypatch.setattr(Alike, "__init__", lambda self, *given: (read.append(given[1]), default(self, *given))[1])
    for pooling in ("", "cls"):
        base = dataclasses.replace(token_base(), pooling=pooling)
        Contrastive(**QUICK).run(rows(8), Workspace(base, corpus), seed=0)
    assert read == ["mean", "cls"]


def test_what_cannot_be_done_is_said():
    assert "needs" in Contrastive().refuses(rows(4), Workspace())
    with pytest.raises(HeadstartError, match="no labels"):
        Contrastive().run(Examples(["a"], classes=("x", "y")), Workspace(bag_base()), seed=0)
    with pytest.raises(HeadstartError, match=r"batch=1"):
        Contrastive(batch=1)


def test_the_rate_is_chosen_on_held_out_rows():
    workspace = Workspace(bag_base(), corpus)
    route = Contrastive(least_steps=2, most_steps=2, learning_rate=0.01)
    chosen = route.run(rows(20), workspace, seed=0)
    assert chosen.notes["inner_fits"] == 9
    assert round(chosen.notes["learning_rate"] / 0.01, 3) in (0.3, 1.0, 3.0)
    hurried = Contrastive(pairs=10**6, most_steps=10**6).run(rows(20), workspace, seed=0, seconds=0.8)
    assert hurried.notes["inner_fits"] == 1  # one that did not end in time: the usual rate
    assert hurried.notes["learning_rate"] == default_learning_rate(workspace.base.backbone, 2)
