"""Nearest class means by hand, from one row a class up, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.prototypes import Prototypes
from headstart.vectors.transform import unit_rows


def test_by_hand_saved_and_opened(tmp_path):
    workspace, train, new = Workspace(bag_base(), lambda: corpus(200)), rows(12), rows(9, seed=3)
    model = Prototypes(temperature=0.2).run(train, workspace, seed=0)
    vectors_ND = unit_rows(model.frozen.features(train))
    mean_CD = unit_rows(np.stack([vectors_ND[train.labels == label].mean(0) for label in (0, 1)]))
    logits_NC = unit_rows(model.frozen.features(new)) @ mean_CD.T / 0.2
    by_hand = np.exp(logits_NC) / np.exp(logits_NC).sum(1, keepdims=True)
    assert np.allclose(model.predict_proba(new), by_hand, atol=1e-6)
    save_task(model, tmp_path / "task", Prototypes(), {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), by_hand, atol=1e-6)


def test_one_row_a_class_is_enough_and_an_unseen_class_is_never_said():
    workspace = Workspace(bag_base(), lambda: corpus(200))
    train = rows(40)
    few = train.take(np.array([np.flatnonzero(train.labels == label)[0] for label in (0, 1)]))
    wide = Examples(few.items, labels=few.labels * 2, classes=("a", "never", "c"))
    scores_NC = Prototypes().run(wide, workspace, seed=0).predict_proba(rows(6, seed=3))
    assert (scores_NC[:, 1] == 0).all()
    assert np.allclose(scores_NC.sum(1), 1)


def test_refusals():
    assert "base" in Prototypes().refuses(rows(4), Workspace())
    with pytest.raises(HeadstartError, match="temperature"):
        Prototypes(temperature=0.0)
