"""Ridge: equal to scikit-learn's whatever the shape, the penalty follows the noise, arrays come back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from headstart.core.errors import HeadstartError
from headstart.fitting.ridge import GRID, RidgeModel, _path, _sparse_path, fit_ridge


@pytest.mark.parametrize(("rows", "columns"), [(40, 7), (7, 40), (20, 20), (1, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(rows, columns, weighted):
    random = np.random.default_rng(0)
    weights = random.uniform(0.1, 5.0, rows) if weighted else np.ones(rows)
    features, numbers = random.normal(size=(rows, columns)) + 5.0, random.normal(size=rows) * 100
    new = random.normal(size=(9, columns)) + 5.0
    centred = features - np.average(features, axis=0, weights=weights)
    unit = max((centred**2).sum(1) @ weights / weights.sum(), 1e-12)
    for penalty, model in zip(GRID, _path(features, numbers, weights, GRID)):
        expected = Ridge(alpha=penalty * unit).fit(features, numbers, sample_weight=weights).predict(new)
        assert np.allclose(model.numbers(new), expected, rtol=1e-6, atol=1e-6)
        assert np.array_equal(RidgeModel.from_arrays(model.arrays()).numbers(new), model.numbers(new))


@pytest.mark.parametrize(("rows", "columns"), [(40, 7), (30, 400), (1, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_features_give_the_same_model(rows, columns, weighted):
    random = np.random.default_rng(2)
    features = sparse.random(rows, columns, 0.2, format="csr", random_state=3)
    numbers, new = random.normal(size=rows) * 100, sparse.random(9, columns, 0.2, format="csr", random_state=4)
    weights = random.uniform(0.1, 5.0, rows) if weighted else np.ones(rows)
    dense_models = _path(features.toarray(), numbers, weights, GRID)
    for dense, model in zip(dense_models, _sparse_path(features, numbers, weights, GRID)):
        assert np.allclose(model.numbers(new), dense.numbers(new.toarray()), rtol=1e-3, atol=0.05)
    kept, notes = fit_ridge(features, numbers, default=1.0, seed=0)
    assert notes == fit_ridge(features.toarray(), numbers, default=1.0, seed=0)[1]
    assert kept.weight_D.shape == (columns,)


def test_the_penalty_follows_the_noise():
    random = np.random.default_rng(1)
    features = random.normal(size=(300, 30)) / np.sqrt(30)
    weight = random.normal(size=30)
    clean, notes = fit_ridge(features, features @ weight, default=1.0, seed=0)
    assert notes == {"penalty": GRID[0], "folds": 5}
    assert np.corrcoef(clean.numbers(features), features @ weight)[0, 1] > 0.999
    _, noisy = fit_ridge(features, random.normal(size=300), default=1.0, seed=0)
    assert noisy["penalty"] > 1.0


def test_unknown_penalty_and_one_row():
    with pytest.raises(HeadstartError, match=r"default=2.0: not one of"):
        fit_ridge(np.eye(3), np.arange(3.0), default=2.0, seed=0)
    model, notes = fit_ridge(np.ones((1, 3)), np.array([4.0]), default=1.0, seed=0)
    assert model.numbers(np.zeros((2, 3))).tolist() == [4.0, 4.0]
    assert notes["folds"] == 0
