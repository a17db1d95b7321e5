"""Metrics equal scikit-learn's, weights included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from headstart.core import registry

REFERENCE = {
    "accuracy": lambda t, p, w: accuracy_score(t, p, sample_weight=w),
    "macro_f1": lambda t, p, w: f1_score(t, p, sample_weight=w, average="macro", zero_division=0),
}


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [1, 2, 5, 77])
def test_equals_scikit_learn(name, weighted, classes):
    metric = registry.load("metric", name)()
    for seed in range(20):
        random = np.random.default_rng(seed)
        size = int(random.integers(1, 60))
        truth, said = random.integers(0, classes, size), random.integers(0, classes, size)
        weight = random.multinomial(size, np.ones(size) / size) if weighted else None
        assert metric.score(truth, said, weight) == pytest.approx(REFERENCE[name](truth, said, weight), abs=1e-12)


@pytest.mark.parametrize("name", REFERENCE)
def test_edges(name):
    metric = registry.load("metric", name)()
    assert metric.score(np.array([0, 1]), np.array([0, 1])) == 1.0
    assert metric.score(np.array([0, 1]), np.array([1, 0])) == 0.0
    assert math.isnan(metric.score(np.array([], int), np.array([], int)))
    assert math.isnan(metric.score(np.array([0, 1]), np.array([0, 1]), np.zeros(2)))
    assert isinstance(metric.score(np.array([0, 1]), np.array([0, 0])), float)
