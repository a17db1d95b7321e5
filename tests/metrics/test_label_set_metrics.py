"""Metrics of label sets equal those of scikit-learn on label matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scored_answers import label_sets
from sklearn.metrics import f1_score, label_ranking_average_precision_score

from headstart.core import registry

NAMES = ("film", "food", "game", "게임")


def matrices(truth, said):
    true_NC = np.array([[name in row for name in NAMES] for row in truth])
    said_NC = np.array([[name in row["labels"] for name in NAMES] for row in said])
    return true_NC, said_NC, np.array([[row["scores"][name] for name in NAMES] for row in said])


@pytest.mark.parametrize("seed", range(5))
def test_they_equal_scikit_learn(seed):
    truth, said = label_sets(np.random.default_rng(seed), 60)
    true_NC, said_NC, score_NC = matrices(truth, said)
    made = {name: registry.load("metric", name)().score(truth, said) for name in ("micro_f1", "label_macro_f1", "lrap")}
    assert made["micro_f1"] == pytest.approx(f1_score(true_NC, said_NC, average="micro"))
    assert made["label_macro_f1"] == pytest.approx(f1_score(true_NC, said_NC, average="macro", zero_division=0))
    assert made["lrap"] == pytest.approx(label_ranking_average_precision_score(true_NC, score_NC))


def test_by_hand():
    truth = [("a", "b"), (), ("c",)]
    said = [
        {"labels": ["a"], "scores": {"a": 0.9, "b": 0.1, "c": 0.5}},
        {"labels": ["b"], "scores": {"a": 0.0, "b": 0.6, "c": 0.0}},
        {"labels": [], "scores": {"a": 0.2, "b": 0.3, "c": 0.3}},
    ]
    score = {
        name: registry.load("metric", name)().score(truth, said) for name in ("micro_f1", "label_macro_f1", "lrap")
    }
    assert score["micro_f1"] == pytest.approx(2 / 5)  # one hit, three true, two said
    assert score["label_macro_f1"] == pytest.approx(1 / 3)  # a 1, b 0, c 0
    assert score["lrap"] == pytest.approx(((1 + 2 / 3) / 2 + 1 + 1 / 2) / 3)  # c is tied with b


def test_the_best_constant_answer():
    metric = registry.load("metric", "micro_f1")()
    best = metric.constant([("a",), ("a", "b"), ("a",), ()])
    assert (best["labels"], metric.shown(best)) == (["a"], "a")
    assert metric.constant([(), ()]) is None
    every = [metric.score([("a", "b"), ("b",)], [{"labels": labels}] * 2) for labels in (["a"], ["b"], ["a", "b"])]
    found = metric.constant([("a", "b"), ("b",)])
    assert metric.score([("a", "b"), ("b",)], [found] * 2) == max(every)
