"""Continued pre-training: by the base's own objective and settings, once for a workspace, on its documents alone."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from tiny_bases import bag_base, corpus, rows, token_base

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.batch_settings import BatchSpec
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.continued import ContinuedPretraining
from headstart.routes.finetune import Finetune
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run import train_run
from headstart.training.run_spec import RunSpec

SHORT = {"epochs": 1, "least_steps": 4, "head_steps": 2, "choose_learning_rate": False, "documents": 60, "passes": 2}


def with_objective(base: PretrainedModel, name: str) -> PretrainedModel:
    base.objective_spec = registry.load("objective", name)()
    torch.manual_seed(0)
    base.objective = base.objective_spec.build(base.backbone, base.processor)
    return base


BASES = {"bag": lambda: with_objective(bag_base(), "halves"), "tokens": lambda: with_objective(token_base(), "mlm")}


@pytest.mark.parametrize("name", BASES)
def test_it_goes_on_once_for_all_cells_and_saves(name, tmp_path):
    passes = []

    def documents():
        passes.append(1)
        return iter(corpus())

    workspace, route = Workspace(BASES[name](), documents), ContinuedPretraining(**SHORT)
    identity = workspace.base.identity
    first, second = (route.run(rows(12, seed=seed), workspace, seed=seed) for seed in (1, 2))
    assert (first.notes["continued_now"], second.notes["continued_now"]) == (True, False)
    same = ("continued_steps", "continued_seconds", "continued_loss", "continued_documents", "continued_passes")
    assert [first.notes[key] for key in same] == [second.notes[key] for key in same]
    assert first.notes["continued_documents"] == 60
    assert first.notes["continued_passes"] == pytest.approx(2)
    assert workspace.base.identity == identity
    read = len(passes)
    route.run(rows(12), workspace, seed=3)
    assert len(passes) == read + 1  # whether there are documents is asked; they are not read again
    save_task(first, tmp_path / "task", route, {})
    assert np.array_equal(load_task(tmp_path / "task").predict_proba(rows(8)), first.predict_proba(rows(8)))


@pytest.mark.parametrize("name", BASES)
def test_going_on_lowers_the_loss_and_finetune_follows(name):
    route = ContinuedPretraining(**SHORT | {"passes": 30, "pace": 30.0})
    runs = [ContinuedPretraining(**SHORT | {"passes": 1}), route]
    losses = [r.run(rows(8), Workspace(BASES[name](), corpus), seed=0).notes["continued_loss"] for r in runs]
    assert losses[1] < losses[0] - 0.02
    # With next to no going on it is the plain finetune of the same base.
    still = ContinuedPretraining(**SHORT | {"pace": 1e-12})
    plain = Finetune(**{key: SHORT[key] for key in ("epochs", "least_steps", "head_steps", "choose_learning_rate")})
    scores = [r.run(rows(8), Workspace(BASES[name](), corpus), seed=0).predict_proba(rows(20)) for r in (still, plain)]
    assert np.allclose(*scores, atol=1e-4)
    moved = route.run(rows(8), Workspace(BASES[name](), corpus), seed=0).predict_proba(rows(20))
    assert not np.allclose(moved, scores[1], atol=1e-3)


def test_a_run_goes_on_with_its_own_settings(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(corpus()), encoding="utf-8")
    spec = RunSpec(
        corpus={"paths": [str(tmp_path / "text.txt")], "unit": "line"},
        processor=registry.load("processor", "ngram")(),
        backbone=registry.build_spec("backbone", {"name": "ngram_bag", "width": 16, "mlp_width": 16}),
        objective=registry.load("objective", "halves")(),
        batches=BatchSpec(tokens=900, max_length=99, bucket=False, add_special_tokens=False),
        training=TrainPlan(steps=3, learning_rate=0.02, learning_rate_embeddings=0.01),
    )
    train_run(spec, tmp_path / "run", say=lambda line: None)
    base = PretrainedModel.open(tmp_path / "run")
    model = ContinuedPretraining(**SHORT).run(rows(8), Workspace(base), seed=0)  # the base's own corpus is found again
    assert model.notes["continued_learning_rate"] == pytest.approx(0.02 * ContinuedPretraining().pace)
    assert model.notes["continued_objective"] == "halves"
    shorter = ContinuedPretraining(**SHORT | {"documents": 30}).run(rows(8), Workspace(base), seed=0)
    assert shorter.notes["continued_steps"] < model.notes["continued_steps"]


def test_another_objective_may_be_named():
    model = ContinuedPretraining(**SHORT, objective="halves").run(rows(8), Workspace(token_base(), corpus), seed=0)
    assert model.notes["continued_objective"] == "halves"


def test_every_task_of_finetune():
    numbers = Examples(rows(8).items, None, task="regress", targets=[0.0, 1.0] * 4)
    model = ContinuedPretraining(**SHORT).run(numbers, Workspace(BASES["tokens"](), corpus), seed=0)
    assert len(model.predict(numbers)) == 8


def test_seconds_bound_both_parts():
    begun = time.monotonic()
    route = ContinuedPretraining(passes=10**6, epochs=10**6, choose_learning_rate=False)
    model = route.run(rows(24), Workspace(BASES["bag"](), corpus), seed=0, seconds=1.0)
    assert time.monotonic() - begun < 5.0
    assert model.notes["continued_seconds"] > 0.25
    assert model.notes["steps"] > 0


def test_why_it_cannot_run():
    train, route = rows(8), ContinuedPretraining(**SHORT)
    assert "came without an objective" in route.refuses(train, Workspace(bag_base(), corpus))
    assert "corpus" in route.refuses(train, Workspace(BASES["bag"]()))
    assert "needs a backbone" in ContinuedPretraining(objective="mlm").refuses(train, Workspace(bag_base(), corpus))
    assert "needs" in route.refuses(train, Workspace())
    assert "learns from a teacher" in ContinuedPretraining(objective="distil").refuses(
        train, Workspace(token_base(), corpus)
    )
    with pytest.raises(HeadstartError, match="cannot run"):
        route.run(train, Workspace(bag_base(), corpus), seed=0)
    with pytest.raises(HeadstartError, match="nothing to learn"):
        route.run(train, Workspace(BASES["bag"](), lambda: iter(["one", "two"])), seed=0)
    with pytest.raises(HeadstartError, match=r"share=1\.5"):
        ContinuedPretraining(share=1.5)
