"""Self-training: rounds help where clusters are clear, none is made where held-out rows are answered worse."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core.errors import HeadstartError
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes import pseudo_labels
from headstart.routes.probe import Probe
from headstart.routes.pseudo_labels import PseudoLabels


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), lambda: corpus(300))


def two_clouds(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of two clouds in 40 dimensions, of which few rows cannot tell the one that parts them."""
    random = np.random.default_rng(seed)
    labels_N = np.arange(count) % 2
    points_ND = random.normal(0, 0.6, (count, 40))
    points_ND[:, 0] += 1.5 * (2 * labels_N - 1)
    return points_ND.astype(np.float32), labels_N


def test_rounds_learn_from_the_surest_answers_in_equal_numbers():
    rows_ND, labels_N = two_clouds(8, 0)
    more_MD, _ = two_clouds(400, 2)
    test_ND, truth_N = two_clouds(400, 3)
    made = PseudoLabels(rounds=4)._rounds(rows_ND, labels_N, more_MD, 1.0, 2)
    assert [count for _, count in made] == [0, 32, 64, 128, 200]
    right = [(model.predict_proba(test_ND).argmax(1) == truth_N).mean() for model, _ in made]
    assert right[-1] > right[0] + 0.04


def test_the_surest_of_each_answer_are_taken():
    scores_MK = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.95, 0.05], [0.45, 0.55]])
    taken, answers = pseudo_labels._surest(scores_MK, 2)
    assert taken.tolist() == [3, 0, 2, 4]
    assert answers.tolist() == [0, 0, 1, 1]


def test_one_row_a_class_is_no_row_to_hold_out(workspace, tmp_path):
    train, new = rows(40), rows(200, seed=3)
    few = train.take(np.array([np.flatnonzero(train.labels == label)[0] for label in (0, 1)]))
    model = PseudoLabels().run(few, workspace, seed=0)
    assert (model.notes["rounds"], model.notes["pseudo_rows"]) == (3, 32)
    assert not np.allclose(model.predict_proba(new), Probe().run(few, workspace, seed=0).predict_proba(new), atol=1e-3)
    save_task(model, tmp_path / "task", PseudoLabels(), {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), model.predict_proba(new), atol=1e-6)


def test_where_no_round_helps_it_is_the_probe(workspace):
    train, new = rows(40), rows(20, seed=3)
    model = PseudoLabels().run(train, workspace, seed=0)
    assert (model.notes["rounds"], model.notes["pseudo_rows"]) == (0, 0)
    probe = Probe().run(train, workspace, seed=0)
    assert np.allclose(model.predict_proba(new), probe.predict_proba(new), atol=1e-6)


def test_the_number_of_rounds_is_the_held_out_rows_choice(workspace, monkeypatch):
    """Answers that are all wrong are never learned from: held-out rows say so."""
    train = rows(60)
    plain = PseudoLabels().run(train, workspace, seed=0)
    real = pseudo_labels._surest
    monkeypatch.setattr(
        pseudo_labels, "_surest", lambda scores, each: (real(scores, each)[0], 1 - real(scores, each)[1])
    )
    poisoned = PseudoLabels().run(train, workspace, seed=0)
    assert poisoned.notes["rounds"] == 0
    new = rows(60, seed=4)
    right = [(model.predict_proba(new).argmax(1) == new.labels).mean() for model in (plain, poisoned)]
    assert right[1] >= right[0] - 0.05


def test_refusals(workspace):
    assert "base" in PseudoLabels().refuses(rows(4), Workspace())
    assert "corpus" in PseudoLabels().refuses(rows(4), Workspace(bag_base()))
    assert "no pairs" in PseudoLabels().refuses(rows(4, pairs=True), workspace)
    with pytest.raises(HeadstartError, match="rounds=0"):
        PseudoLabels(rounds=0)
