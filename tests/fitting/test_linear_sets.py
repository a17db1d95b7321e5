"""Linear models of label sets: each label for itself, labels of all rows or none, thresholds, saved and read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from headstart.core.examples import Examples
from headstart.core.label_answers import best_threshold, label_matrix
from headstart.fitting.linear_answers import linear_of
from headstart.fitting.linear_sets import fit_sets

NAMES = ("a", "b", "rare", "always", "never")


def data(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, Examples]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 12)).astype(np.float32)
    a, b, rare = features[:, 0] > 0, features[:, 1] + features[:, 2] > 0.5, features[:, 3] > 1.6
    sets = [tuple(name for name, there in zip(NAMES, (*row, True, False)) if there) for row in zip(a, b, rare)]
    return features, Examples([str(row) for row in range(rows)], classes=NAMES, task="multilabel", targets=sets)


@pytest.mark.parametrize("family", ["logistic", "svm"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_every_label_is_learned_for_itself(family, kind):
    features, examples = data()
    new, asked = data(seed=1)
    model, notes = fit_sets(kind(features), examples, family=family, default=1.0, seed=0)
    scores = model.scores(kind(new))
    true_NC = label_matrix(asked)
    right = ((scores >= model.said_from) == true_NC).mean(0)
    assert right[0] > 0.93
    assert right[1] > 0.9
    assert (scores[:, 3] > 0.99).all()
    assert (scores[:, 4] < 0.01).all()
    assert notes["held_out_rows"] == (200 if family == "logistic" else 0)
    again = linear_of(model.arrays(), 5)
    assert again.answers(new, NAMES) == model.answers(new, NAMES)


def test_a_label_has_the_probabilities_of_logistic_regression():
    features, examples = data()
    model, notes = fit_sets(features, examples, default=1.0, seed=0)
    strength = notes["strength"]
    plain = LogisticRegression(C=strength, max_iter=1000).fit(features, label_matrix(examples)[:, 0])
    np.testing.assert_allclose(model.scores(features)[:, 0], plain.predict_proba(features)[:, 1], atol=0.03)


def test_few_rows_leave_the_threshold():
    features, examples = data()
    model, notes = fit_sets(features[:9], examples.take(np.arange(9)), default=1.0, seed=0)
    assert (model.said_from, notes["held_out_rows"] < 20) == (0.5, True)


def test_the_threshold_is_the_one_with_the_best_f1():
    random = np.random.default_rng(0)
    score_NC = random.random((400, 3)) * 0.6
    true_NC = random.random((400, 3)) < score_NC
    found = best_threshold(score_NC, true_NC)

    def f1(threshold: float) -> float:
        said = score_NC >= threshold
        return 2 * (said & true_NC).sum() / (said.sum() + true_NC.sum())

    assert found < 0.5
    assert f1(found) == max(f1(threshold) for threshold in np.linspace(0.1, 0.6, 11))
    assert best_threshold(np.array([[0.9, 0.1]]), np.array([[True, False]])) == 0.5  # of equally good ones
