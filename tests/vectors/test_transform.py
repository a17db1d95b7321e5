"""Transforms learned from unlabelled vectors."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.vectors.transform import VectorTransform


def test_standardising_gives_every_column_mean_0_and_spread_1():
    sample = np.random.default_rng(0).normal([1, 2, 3], [1, 10, 0], (500, 3))
    found = VectorTransform.standardising(sample, "here")
    standard = (sample - found.center) @ found.turn
    assert standard.mean(0) == pytest.approx(0, abs=1e-5)
    assert standard.std(0) == pytest.approx([1, 1, 0], abs=1e-5)
    assert np.linalg.norm(found.apply(sample), axis=1) == pytest.approx(1)
