"""Details of a classifier equal those of scikit-learn; the surest answers, the surest mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, precision_recall_fscore_support, roc_auc_score

from headstart.statistics.class_details import class_details

NAMES = ("a", "b", "c")


def answers(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true_N = random.integers(3, size=rows)
    logits_NC = random.normal(size=(rows, 3)) + 1.5 * np.eye(3)[true_N]
    scores_NC = np.exp(logits_NC)
    return scores_NC / scores_NC.sum(1, keepdims=True), true_N


def test_they_equal_scikit_learn():
    scores_NC, true_N = answers()
    found = class_details(scores_NC, true_N, NAMES)
    precision, recall, f1, rows = precision_recall_fscore_support(true_N, scores_NC.argmax(1))
    np.testing.assert_allclose([line.precision for line in found.classes], precision)
    np.testing.assert_allclose([line.recall for line in found.classes], recall)
    np.testing.assert_allclose([line.f1 for line in found.classes], f1)
    assert [line.rows for line in found.classes] == rows.tolist()
    assert found.log_loss == pytest.approx(log_loss(true_N, scores_NC))
    assert found.auc == pytest.approx(roc_auc_score(true_N, scores_NC, multi_class="ovr", average="macro"))


def test_the_surest_answers_are_oftener_right():
    scores_NC, true_N = answers(2_000)
    found = class_details(scores_NC, true_N, NAMES)
    whole, *_, half = found.coverage
    assert (whole.share, half.share) == (1.0, 0.5)
    assert whole.accuracy == (scores_NC.argmax(1) == true_N).mean()
    kept = scores_NC.max(1) >= half.threshold
    assert kept.mean() == 0.5
    assert half.accuracy == (scores_NC.argmax(1) == true_N)[kept].mean() > whole.accuracy
    wrong = np.flatnonzero(scores_NC.argmax(1) != true_N)
    assert found.worst[0] == wrong[scores_NC[wrong].max(1).argmax()]
    assert sum(count for *_, count in found.confused) == len(wrong)


def test_a_class_without_rows_has_no_recall():
    scores_NC = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    found = class_details(scores_NC, np.array([0, 1]), NAMES)
    assert found.classes[0].recall == found.classes[0].precision == 1.0
    assert all(value != value for value in (found.classes[2].recall, found.classes[2].precision, found.classes[2].auc))
    assert found.auc == 1.0
    assert found.confused == ()


def test_the_five_surest_mistakes_are_told_unless_more_are_asked_for():
    scores_NC, true_N = answers(300, seed=3)
    wrong = np.flatnonzero(scores_NC.argmax(1) != true_N)
    surest = wrong[np.argsort(-scores_NC[wrong].max(1), kind="stable")].tolist()
    assert class_details(scores_NC, true_N, NAMES).worst == tuple(surest[:5])
    assert class_details(scores_NC, true_N, NAMES, mistakes=9).worst == tuple(surest[:9])


def test_a_probability_of_nothing_costs_what_the_smallest_one_does():
    found = class_details(np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 2, 1]), NAMES)
    assert found.log_loss == pytest.approx(-np.log(1e-15) / 4)


def test_of_one_row_every_share_is_that_row():
    found = class_details(np.array([[0.2, 0.7, 0.1]]), np.array([1]), NAMES)
    assert [(one.share, one.threshold, one.accuracy) for one in found.coverage] == [
        (share, 0.7, 1.0) for share in (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
    ]
