"""Linear classifiers: equal to scikit-learn's, in the span of the rows too; probabilities; time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from headstart.core.errors import HeadstartError
from headstart.fitting import linear
from headstart.fitting.linear import GRIDS, LinearModel, fit_linear
from headstart.fitting.time_budget import CUT


def task(rows: int, columns: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    means = random.normal(size=(classes, columns))
    vectors = 0.6 * means[labels] + random.normal(size=(rows, columns))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("sparsely", [False, True])
def test_span_of_the_rows_is_exact(classes, sparsely):
    vectors, labels = task(30, 200, classes)
    vectors = np.where(vectors > 0, vectors, 0).astype(np.float32)
    given = sparse.csr_matrix(vectors) if sparsely else vectors
    model, notes = fit_linear(given, labels, classes, default=1.0, seed=0)
    plain = LogisticRegression(C=notes["strength"], max_iter=2000, tol=1e-8).fit(vectors.astype(np.float64), labels)
    new = np.maximum(task(20, 200, classes, seed=5)[0], 0)
    assert np.allclose(model.predict_proba(new), plain.predict_proba(new), atol=2e-3)


@pytest.mark.parametrize("family", ["logistic", "svm", "bayes"])
@pytest.mark.parametrize("classes", [2, 5])
def test_every_family_learns_and_survives_arrays(family, classes):
    vectors, labels = task(200, 20, classes)
    vectors = np.maximum(vectors, 0) if family == "bayes" else vectors
    default = linear.GRIDS[family][2]
    model, notes = fit_linear(vectors, labels, classes, family=family, default=default, seed=0)
    scores_NC = model.predict_proba(vectors)
    assert np.allclose(scores_NC.sum(axis=1), 1)
    assert (scores_NC.argmax(axis=1) == labels).mean() > (0.6 if family == "bayes" else 0.9)
    assert notes["folds"] == 5
    again = LinearModel.from_arrays(model.arrays(), classes)
    assert np.array_equal(again.predict_proba(vectors), scores_NC)


def test_svm_margins_become_honest_probabilities():
    vectors, labels = task(400, 20, 2)
    wrong = np.random.default_rng(1).random(400) < 0.25
    noisy = np.where(wrong, 1 - labels, labels)
    model, _ = fit_linear(vectors, noisy, 2, family="svm", default=0.3, seed=0)
    test, truth = task(400, 20, 2, seed=0)
    confidence = model.predict_proba(test).max(axis=1).mean()
    assert confidence < 0.9
    assert (model.predict_proba(test).argmax(axis=1) == truth).mean() > 0.85


def test_unknown_strength():
    with pytest.raises(HeadstartError, match=r"default=2.0: not one of"):
        fit_linear(np.eye(4), np.array([0, 1, 0, 1]), 2, default=2.0, seed=0)


def test_77_classes_are_quick():
    vectors, labels = task(1000, 256, 77)
    begun = time.process_time()
    model, _ = fit_linear(vectors, labels, 77, default=1.0, seed=0)
    assert time.process_time() - begun < 6  # about 2 s on an idle core
    assert (model.predict_proba(vectors).argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("hurry", [0.0, 1e-4])
def test_seconds_end_the_choice_and_the_steps(hurry):
    vectors, labels = task(600, 40, 30)
    whole, told = fit_linear(vectors, labels, 30, default=1.0, seed=0)
    ample, as_told = fit_linear(vectors, labels, 30, default=1.0, seed=0, seconds=600.0)
    assert told == as_told == {"strength": told["strength"], "folds": 4, CUT: False}  # 4 of 5 hold out enough
    assert np.array_equal(whole.weight_KD, ample.weight_KD)  # a limit that is not reached changes nothing
    short, noted = fit_linear(vectors, labels, 30, default=1.0, seed=0, seconds=hurry)
    assert noted == {"strength": 1.0, "folds": 0, CUT: True}
    right = (short.predict_proba(vectors).argmax(axis=1) == labels).mean()
    assert right > 0.9 * (whole.predict_proba(vectors).argmax(axis=1) == labels).mean()


@pytest.mark.parametrize("family", list(GRIDS))
@pytest.mark.parametrize("hurry", [0.0, 1e-4])
def test_every_family_fits_when_the_time_is_out_already(family, hurry):
    """A member of an ensemble may be fitted last."""
    vectors, labels = task(200, 40, 4)
    vectors = np.abs(vectors)  # naive Bayes reads counts
    default = GRIDS[family][len(GRIDS[family]) // 2]
    model, noted = fit_linear(vectors, labels, 4, family=family, default=default, seed=0, seconds=hurry)
    assert noted["strength"] in GRIDS[family]
    assert np.isfinite(model.predict_proba(vectors)).all()
