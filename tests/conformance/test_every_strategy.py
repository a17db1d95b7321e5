"""Every strategy: different rows, as many as asked, the same for the same seed, in whatever order it is called."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core import registry
from headstart.core.candidates import Candidates
from headstart.vectors.transform import unit_rows

NAMES = registry.names("strategy")


def candidates(rows: int, classes: int = 4, known: int = 6) -> Candidates:
    random = np.random.default_rng(3)
    vectors_ND = unit_rows(random.standard_normal((rows, 8))).astype(np.float32)
    known_MD = unit_rows(random.standard_normal((known, 8))).astype(np.float32)
    return Candidates(vectors_ND, random.dirichlet(np.ones(classes), rows), known_MD if known else None)


def choose(name: str, given: Candidates, count: int, seed: int = 0) -> list[int]:
    return registry.load("strategy", name)().choose(given, count, seed=seed).tolist()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("rows", "count"), [(120, 12), (120, 1), (9, 9), (1, 1)])
@pytest.mark.parametrize("known", [0, 6])
def test_it_chooses_different_rows_as_many_as_asked(name, rows, count, known):
    chosen = choose(name, candidates(rows, known=known), count)
    assert len(chosen) == len(set(chosen)) == count
    assert set(chosen) <= set(range(rows))


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_do_not_stop_it(name):
    same = Candidates(np.tile(np.float32([[1, 0]]), (20, 1)), np.tile([[0.5, 0.5]], (20, 1)), None)
    assert len(set(choose(name, same, 7))) == 7


@pytest.mark.parametrize("name", NAMES)
def test_a_sure_model_of_one_class_does_not_stop_it(name):
    given = candidates(30, known=0)
    sure = Candidates(given.vectors_ND, np.ones((30, 1)), None)
    assert len(set(choose(name, sure, 7))) == 7


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_rows(name):
    given = candidates(120)
    first = choose(name, given, 12, seed=4)
    choose(name, candidates(50), 5, seed=9)
    assert choose(name, given, 12, seed=4) == first


@pytest.mark.parametrize("name", NAMES)
def test_without_probabilities_it_says_so_or_needs_none(name):
    given = candidates(40)
    spec = registry.load("strategy", name)
    if not spec.probabilities:
        assert len(choose(name, Candidates(given.vectors_ND), 5)) == 5


def test_there_is_one_default_before_and_after_the_first_labels():
    found = sorted(registry.load("strategy", name).default for name in NAMES if registry.load("strategy", name).default)
    assert found == ["model", "start"]
