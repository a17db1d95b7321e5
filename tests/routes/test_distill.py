"""Distillation: the loss is Hinton's, documents teach, labels too; the student is smaller and stands alone."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from tiny_bases import BAD, BASES, GOOD, bag_base, corpus, rows, token_base

from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.distill import Distill, Taught

SHORT = {"teacher": "tfidf_logreg", "passes": 1, "least_steps": 4}


def test_the_loss_is_that_of_the_paper():
    base = token_base()
    torch.manual_seed(0)
    head = registry.load("head", "classify")().build(base.backbone, base.processor, ("a", "b", "c"))
    batch = make_batch([[5, 6], [7], [8, 9, 10]])
    teacher_BC = np.random.default_rng(0).normal(size=(3, 3))
    batch.extra["soft_BC"] = torch.from_numpy(softmax(teacher_BC, axis=1).astype(np.float32))
    batch.extra["label_B"] = torch.tensor([2, -1, 0])
    with torch.no_grad():
        own_BC = head(base.backbone.eval()(batch)).double().numpy()
        found = Taught(head.eval(), 3.0, 0.7)(base.backbone, batch)
    soft = -(softmax(teacher_BC / 3, axis=1) * log_softmax(own_BC / 3, axis=1)).sum()
    hard = -log_softmax(own_BC, axis=1)[[0, 2], [2, 0]].sum()
    assert found.count == 3
    assert float(found.total) == pytest.approx(9 * soft + 0.7 * hard, rel=1e-4)
    assert found.parts["agreement"] == (own_BC.argmax(1) == teacher_BC.argmax(1)).mean()


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("student", ["auto", "bag"])
@pytest.mark.parametrize("name", BASES)
def test_a_smaller_network_that_stands_alone(name, student, pairs, tmp_path):
    workspace, route = Workspace(BASES[name](), corpus), Distill(**SHORT, student=student, documents=50)
    identity, train, new = workspace.base.identity, rows(12, pairs=pairs), rows(6, pairs=pairs, seed=5)
    model = route.run(train, workspace, seed=1)
    half = name == "tokens" and student == "auto"
    assert model.backbone_spec.name == ("modernbert" if half else "ngram_bag")
    assert model.backbone.depth == 1
    weights = [sum(p.numel() for p in network.parameters()) for network in (model.backbone, workspace.base.backbone)]
    assert model.notes["size_ratio"] == weights[0] / weights[1]
    assert not half or model.notes["size_ratio"] < 1
    assert model.notes["documents"] == (0 if pairs else 50)
    assert model.notes["teacher"] == "tfidf_logreg"
    assert workspace.base.identity == identity
    save_task(model, tmp_path / "task", route, {})
    assert np.array_equal(load_task(tmp_path / "task").predict_proba(new), model.predict_proba(new))
    assert np.array_equal(route.run(train, workspace, seed=1).predict_proba(new), model.predict_proba(new))


def test_half_starts_from_the_layers_of_the_base():
    base = token_base()
    route = Distill(**SHORT, student="half", learning_rate=1e-12, documents=20)
    state = route.run(rows(8), Workspace(base, corpus), seed=0).backbone.state_dict()
    theirs = base.backbone.state_dict()
    shared = [name for name in state if name in theirs and state[name].shape == theirs[name].shape]
    assert len(shared) == len(state)
    assert all(torch.allclose(state[name], theirs[name], atol=1e-6) for name in shared)


def test_documents_carry_the_teacher_over():
    # Two labelled rows name one word of each mood; the teacher knows the other words from what meets them in the text.
    few = Examples([f"{BAD[0]} {BAD[1]}", f"{GOOD[0]} {GOOD[1]}"] * 2, None, np.array([0, 1] * 2), ("bad", "good"))
    workspace, test = Workspace(bag_base(), lambda: corpus(400)), rows(80, seed=9)
    settings = {"teacher": "ppmi_logreg", "student": "bag", "passes": 12, "hard": 0.0}
    teacher = registry.load("route", "ppmi_logreg")().run(few, workspace, seed=0).predict_proba(test).argmax(1)
    student = Distill(**settings).run(few, workspace, seed=0).predict_proba(test).argmax(1)
    alone = Distill(**settings, documents=1).run(few, workspace, seed=0).predict_proba(test).argmax(1)
    assert (teacher == test.labels).mean() > 0.9
    assert (student == teacher).mean() > 0.9
    assert (student == teacher).mean() > (alone == teacher).mean() + 0.1


def test_labels_are_learnt_beside_a_teacher_who_knows_nothing():
    workspace, train, test = Workspace(bag_base(), corpus), rows(60), rows(60, seed=9)
    settings = {"teacher": "majority", "student": "bag", "passes": 10, "labelled": 0.5}
    heard, deaf = (Distill(**settings, hard=hard).run(train, workspace, seed=0) for hard in (20.0, 0.0))
    assert (heard.predict_proba(test).argmax(1) == test.labels).mean() > 0.9
    assert np.allclose(deaf.predict_proba(test), 0.5, atol=0.1)


def test_seconds_bound_all_parts():
    begun = time.monotonic()
    route = Distill(teacher="finetune", passes=10**6, documents=100)
    model = route.run(rows(24), Workspace(bag_base(), corpus), seed=0, seconds=1.0)
    assert time.monotonic() - begun < 5.0
    assert 0 < model.notes["steps"] < 10**6


def test_why_it_cannot_run():
    train, bag = rows(8), Workspace(bag_base(), corpus)
    assert "needs" in Distill().refuses(train, Workspace())
    assert "corpus" in Distill().refuses(train, Workspace(bag_base()))
    assert Distill().refuses(rows(8, pairs=True), Workspace(bag_base())) is None
    assert "student=bag" in Distill(student="half").refuses(train, bag)
    assert "its teacher tfidf_cosine cannot run" in Distill(teacher="tfidf_cosine").refuses(train, bag)
    with pytest.raises(HeadstartError, match=r"distill\.teacher.*'finetune'"):
        Distill(teacher="finetun")
    with pytest.raises(HeadstartError, match="teacher"):
        Distill(teacher="distill")
    with pytest.raises(HeadstartError, match=r"temperature=0"):
        Distill(temperature=0.0)
    with pytest.raises(HeadstartError, match="no labels"):
        Distill().run(Examples(["a"], classes=("x", "y")), bag, seed=0)
