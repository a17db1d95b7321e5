"""Keyed randomness: the same for the same keys, whatever the batch; uniform; different across keys."""

from __future__ import annotations

import numpy as np

from headstart.core.seeds import KeyedRandom, numpy_generator


def test_same_keys_same_numbers_whatever_the_batch():
    random = KeyedRandom(3, 7)
    samples = np.arange(1000)
    whole = random.uniform("mask", samples, 5)
    assert np.array_equal(whole[400:500], random.uniform("mask", samples[400:500], 5))
    assert np.array_equal(whole[::-1], random.uniform("mask", samples[::-1], 5))


def test_every_key_matters():
    samples = np.arange(1000)
    base = KeyedRandom(3, 7).uniform("mask", samples, 5)
    others = [
        KeyedRandom(4, 7).uniform("mask", samples, 5),
        KeyedRandom(3, 8).uniform("mask", samples, 5),
        KeyedRandom(3, 7).uniform("swap", samples, 5),
        KeyedRandom(3, 7).uniform("mask", samples, 6),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.15
        assert not np.any(base == other)


def test_uniform():
    u = KeyedRandom(0).uniform("x", np.repeat(np.arange(1000), 1000), np.tile(np.arange(1000), 1000))
    assert abs(u.mean() - 0.5) < 3 * (1 / 12) ** 0.5 / 1000
    counts = np.histogram(u, 100, (0, 1))[0]
    assert ((counts - 1e4) ** 2 / 1e4).sum() < 160  # chi-square, 99 degrees of freedom: p < 1e-4 above


def test_generator_depends_on_parts_only():
    assert numpy_generator(1, "a", 2).random() == numpy_generator(1, "a", 2).random()
    assert numpy_generator(1, "a", 2).random() != numpy_generator(1, "a", 3).random()
