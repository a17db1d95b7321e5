"""Every metric: equal to scikit-learn, weights are repetitions, the order of rows does not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from headstart.base import registry

NAMES = registry.names("metric")
REFERENCES = {
    "accuracy": accuracy_score,
    "macro_f1": lambda truth, said, sample_weight=None: f1_score(
        truth, said, average="macro", zero_division=0, sample_weight=sample_weight
    ),
}


def cases():
    random = np.random.default_rng(2)
    for classes in (2, 3, 77):
        for rows in (1, 7, 200):
            yield random.integers(classes, size=rows), random.integers(classes, size=rows), random.integers(1, 4, rows)


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_scikit_learn(name):
    if name not in REFERENCES:
        pytest.skip(f"scikit-learn has no {name}, or it is not named here")
    metric = registry.load("metric", name)()
    for truth, said, weight in cases():
        assert metric.score(truth, said) == pytest.approx(REFERENCES[name](truth, said), abs=1e-12)
        expected = REFERENCES[name](truth, said, sample_weight=weight)
        assert metric.score(truth, said, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repetitions_and_order_is_nothing(name):
    metric, random = registry.load("metric", name)(), np.random.default_rng(1)
    assert registry.build_spec("metric", metric.to_dict()) == metric
    for truth, said, weight in cases():
        found = metric.score(truth, said, weight)
        assert isinstance(found, float)
        assert metric.score(truth.repeat(weight), said.repeat(weight)) == pytest.approx(found, abs=1e-12)
        order = random.permutation(len(truth))
        assert metric.score(truth[order], said[order], weight[order]) == pytest.approx(found, abs=1e-12)
    nothing = np.zeros(0, np.int64)
    assert math.isnan(metric.score(nothing, nothing))
