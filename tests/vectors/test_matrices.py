"""Products and factors of large matrices equal those of numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from headstart.vectors import matrices
from headstart.vectors.matrices import dense_product, leading_directions


@pytest.mark.parametrize("mkl", [True, False])
def test_product_equals_scipy(mkl, monkeypatch):
    if mkl and not torch.backends.mkl.is_available():
        pytest.skip("torch without MKL")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    monkeypatch.setattr(matrices, "_ROWS_AT_ONCE", 7)
    left, right = (sparse.random(23, 31, 0.2, random_state=seed, dtype=np.float32).tocsr() for seed in (0, 1))
    assert np.allclose(dense_product(left, right.T), (left @ right.T).toarray(), atol=1e-6)
    assert dense_product(left[:0], right.T).shape == (0, 23)


def test_directions_are_the_singular_vectors_of_a_matrix_of_falling_strength():
    random = np.random.default_rng(0)
    left, right = (np.linalg.qr(random.standard_normal((rows, 40)))[0] for rows in (300, 60))
    strength = 2.0 ** -np.arange(40)
    matrix = (left * strength @ right.T).astype(np.float32)
    found, values = leading_directions(matrix, 8, 300, seed=0)
    assert np.allclose(values, strength[:8], rtol=1e-4)
    assert np.allclose(np.abs(np.sum(found * left[:, :8], axis=0)), 1.0, atol=1e-3)
    again, _ = leading_directions(matrix, 8, 300, seed=0)
    assert np.array_equal(found, again)


def test_the_first_rows_choose_the_space_and_all_rows_are_in_it():
    random = np.random.default_rng(0)
    matrix = random.standard_normal((200, 6)).astype(np.float32) @ random.standard_normal((6, 50)).astype(np.float32)
    found, values = leading_directions(matrix, 20, 40, seed=0)
    assert found.shape == (200, 20)
    assert np.allclose(values[:6], np.linalg.svd(matrix)[1][:6], rtol=1e-4)
    assert np.abs(values[6:]).max() < 1e-2
