"""Every metric: the best value for perfect answers, weights are repetitions, the order of rows does not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scored_answers import label_sets

from headstart.core import registry

NAMES = registry.names("metric")
WORDS = ["the", "red", "fox", "jumps", "over", "빨간", "여우가", "강을", "건넌다", "."]


def classes(random, rows):
    return random.integers(5, size=rows), random.integers(5, size=rows)


def numbers(random, rows):
    truth = random.integers(6, size=rows) / 2  # ties on both sides
    return truth, (truth + random.normal(size=rows)).round(1)


def spans(random, rows):
    def some():
        starts = random.choice(20, size=random.integers(1, 6), replace=False)
        return [(int(start), int(start) + int(random.integers(1, 3)), "AB"[random.integers(2)]) for start in starts]

    truth = [some() for _ in range(rows)]
    return truth, [
        [span if random.random() < 0.5 else (span[0], span[1], "C") for span in row] + some()[:1] for row in truth
    ]


def sentence(random):
    return " ".join(random.choice(WORDS, size=random.integers(5, 12)))


def answers(random, rows):
    truth = [tuple(sentence(random) for _ in range(random.integers(0, 3))) for _ in range(rows)]
    blank = random.random(rows) < 0.3
    right = random.random(rows) < 0.4
    said = [row[0] if row and yes else "" if no else sentence(random) for row, yes, no in zip(truth, right, blank)]
    return truth, said


def texts(random, rows):
    truth = [sentence(random) for _ in range(rows)]
    return truth, [" ".join(random.permutation(text.split())[:-1]) for text in truth]


def places(random, rows):
    return np.ones(rows, np.int64), random.integers(1, 15, rows)


DATA = {
    "classify": classes,
    "regress": numbers,
    "multilabel": label_sets,
    "tag": spans,
    "answer": answers,
    "generate": texts,
    "retrieve": places,
}


def make(name):
    if name == "bleu":
        pytest.importorskip("sacrebleu")
    return registry.load("metric", name)()


def cases(metric):
    random = np.random.default_rng(2)
    for rows in (3, 8, 60):
        truth, said = DATA[metric.task](random, rows)
        yield truth, said, random.integers(1, 4, rows)


def picked(rows, order):
    return rows[order] if isinstance(rows, np.ndarray) else [rows[i] for i in order]


def perfect(metric, truth):
    if metric.task == "multilabel":
        names = sorted({name for row in truth for name in row})
        return [{"labels": row, "scores": {name: float(name in row) for name in names}} for row in truth]
    return [row[0] if row else "" for row in truth] if metric.task == "answer" else truth


@pytest.mark.parametrize("name", NAMES)
def test_task_range_and_round_trip(name):
    metric = make(name)
    assert metric.task in DATA
    assert registry.build_spec("metric", metric.to_dict()) == metric
    worst, best = metric.limits
    found = [metric.score(truth, said) for truth, said, _ in cases(metric)]
    assert all(isinstance(value, float) and worst <= value < best for value in found)
    assert found[-1] > worst  # it tells a half right answer from nothing


@pytest.mark.parametrize("name", NAMES)
def test_perfect_predictions_give_the_best_value(name):
    metric = make(name)
    for truth, _, weight in cases(metric):
        assert metric.score(truth, perfect(metric, truth)) == pytest.approx(metric.limits[1], abs=1e-9)
        assert metric.score(truth, perfect(metric, truth), weight) == pytest.approx(metric.limits[1], abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repetitions_and_order_is_nothing(name):
    metric, random = make(name), np.random.default_rng(1)
    for truth, said, weight in cases(metric):
        found = metric.score(truth, said, weight)
        repeated = np.arange(len(truth)).repeat(weight)
        assert metric.score(picked(truth, repeated), picked(said, repeated)) == pytest.approx(found, abs=1e-12)
        assert metric.score(truth, said, np.ones(len(truth))) == pytest.approx(metric.score(truth, said), abs=1e-12)
        order = random.permutation(len(truth))
        mixed = metric.score(picked(truth, order), picked(said, order), weight[order])
        assert mixed == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_nan(name):
    metric = make(name)
    for truth, said, weight in cases(metric):
        assert math.isnan(metric.score(truth, said, 0 * weight))
        assert math.isnan(metric.score(truth[:0], said[:0]))


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(registry.load("metric", name), "statistics")])
def test_a_bootstrap_is_one_matrix_product(name):
    metric, random = make(name), np.random.default_rng(3)
    for truth, said, _ in cases(metric):
        rows = len(truth)
        weights_RN = random.multinomial(rows, np.ones(rows) / rows, size=5)
        statistics_NK = metric.statistics(truth, said)
        assert statistics_NK.dtype == np.float64
        assert len(statistics_NK) == rows
        at_once = [metric.value(sums_K) for sums_K in weights_RN @ statistics_NK]
        one_by_one = [metric.score(truth, said, weight_N) for weight_N in weights_RN]
        np.testing.assert_allclose(at_once, one_by_one, rtol=1e-12)
