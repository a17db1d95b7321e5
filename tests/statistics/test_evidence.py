"""Evidence of every metric: the jackknife against scoring again without each block; classes as they always were."""

from __future__ import annotations

import numpy as np
import pytest
from scored_answers import ANSWERS
from synthetic_study import ACCURACY, MACRO_F1

from headstart.core import registry
from headstart.statistics.blocks import Evidence, TestBlocks, taken
from headstart.statistics.intervals import Bounds, estimate

NAMES = registry.names("metric")


def make(name):
    if name == "bleu":
        pytest.importorskip("sacrebleu")
    return registry.load("metric", name)()


def brute_force(metric, truth, answers, blocks):
    """The values [G] by the textbook: the score of all rows, and of all rows but those of a block."""
    whole, rows = metric.score(truth, answers), len(truth)
    changes = []
    for block in range(blocks.count):
        others_N = blocks.block_N != block
        score = metric.score(taken(truth, others_N), taken(answers, others_N))
        changes.append(blocks.count * others_N.sum() / rows * (whole - score))
    return whole + np.array(changes) - np.mean(changes)


SLOW = ("lrap", "bleu", "chrf")  # to be scored again without each row, instead of without each group
CASES = [
    pytest.param(name, grouped, marks=[pytest.mark.full] if name in SLOW and not grouped else [])
    for name in NAMES
    for grouped in (False, True)
]


@pytest.mark.parametrize(("name", "grouped"), CASES)
def test_values_are_those_of_scoring_again(name, grouped):
    metric, random = make(name), np.random.default_rng(4)
    truth, answers = ANSWERS[metric.task](random, 130)
    groups = [f"g{row // 3}" for row in range(130)] if grouped else None
    blocks = TestBlocks.make(130, groups)
    value_G = Evidence(metric, truth, blocks).of(answers)
    if name == "macro_f1":  # a class that is only in the block left out still counts, with weight 0; see its `score`
        assert len(np.unique(truth)) == 5
    assert value_G == pytest.approx(brute_force(metric, truth, answers, blocks), rel=1e-9, abs=1e-9)
    assert value_G.mean() == pytest.approx(metric.score(truth, answers))
    assert value_G.std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_spread_of_the_values_is_that_of_the_bootstrap(name):
    metric, random = make(name), np.random.default_rng(5)
    truth, answers = ANSWERS[metric.task](random, 200)
    value_G = Evidence(metric, truth, TestBlocks.make(200)).of(answers)
    times = 60 if metric.task in ("generate", "multilabel") else 150  # to score texts or sets takes long
    weights = random.multinomial(200, np.ones(200) / 200, size=times)
    scores = [metric.score(truth, answers, weight_N) for weight_N in weights]
    assert (value_G.var(ddof=1) / len(value_G)) ** 0.5 == pytest.approx(np.std(scores), rel=0.3)


@pytest.mark.parametrize("name", NAMES)
def test_guessing_is_worse_than_half_right_answers_and_equal_to_itself(name):
    metric, random = make(name), np.random.default_rng(6)
    truth, answers = ANSWERS[metric.task](random, 200)
    found = Evidence(metric, truth, TestBlocks.make(200))
    assert found.chance(answers).mean() < found.of(answers).mean() - 0.03 * metric.limits[1]
    dealt = metric.guessed(truth, answers, np.random.default_rng(0))
    assert found.chance(dealt).mean() == pytest.approx(found.of(dealt).mean(), abs=0.15 * metric.limits[1])
    assert np.array_equal(found.chance(answers), found.chance(answers))


def test_answers_that_are_all_the_same_are_no_better_than_their_deal():
    truth, _ = ANSWERS["answer"](np.random.default_rng(0), 90)
    found = Evidence(make("exact_match"), truth, TestBlocks.make(90))
    assert found.of([""] * 90).mean() > 0.2  # questions without an answer
    assert found.chance([""] * 90) == pytest.approx(found.of([""] * 90))
    numbers_N = np.arange(90.0)
    for name in ("pearson", "spearman"):
        constant = Evidence(make(name), numbers_N, TestBlocks.make(90))
        assert not constant.of(np.ones(90)).any()  # not defined, so no better than chance
        assert not constant.chance(np.ones(90)).any()


def test_blocks_without_rows_change_nothing():
    truth, answers = ANSWERS["tag"](np.random.default_rng(0), 150)
    rows_N = np.arange(150) < 40
    blocks = TestBlocks.make(150).take(rows_N)
    assert blocks.within(np.ones(40, bool)) < blocks.count
    for name in ("entity_f1", "tag_accuracy"):
        part = [taken(values, rows_N) for values in (truth, answers)]
        assert Evidence(make(name), part[0], blocks).of(part[1]).mean() == pytest.approx(make(name).score(*part))


def classes_before(metric, truth_N, predicted_N, blocks):
    """Evidence of class answers as it was computed before there were other answers, for `CountMetric`s."""
    classes = max(int(truth_N.max()), int(predicted_N.max())) + 1

    def count(class_N, rows_N=slice(None)):
        places = blocks.block_N[rows_N] * classes + class_N[rows_N]
        return np.bincount(places, minlength=blocks.count * classes).reshape(-1, classes).astype(float)

    def whole_and_without(counts_GC):
        return np.vstack([counts_GC.sum(0), counts_GC.sum(0) - counts_GC])

    true_GC, said_GC, hits_GC = count(truth_N), count(predicted_N), count(predicted_N, predicted_N == truth_N)
    occurs_C = (true_GC.sum(0) + said_GC.sum(0)) > 0
    scores_X = metric.of_counts(*(whole_and_without(counts[:, occurs_C]) for counts in (hits_GC, true_GC, said_GC)))
    rows_G = true_GC.sum(1)
    change_G = len(rows_G) * (1 - rows_G / rows_G.sum()) * (scores_X[0] - scores_X[1:])
    return scores_X[0] + change_G - change_G.mean()


def answers_of_draws():
    row_N = np.arange(270)
    truth_N = row_N * 7 % 5
    return truth_N, [
        np.where((row_N * (draw + 3) + draw) % 11 < 7, truth_N, (truth_N + row_N % 4 + 1) % 5) for draw in range(4)
    ]


@pytest.mark.parametrize("metric", [ACCURACY, MACRO_F1])
@pytest.mark.parametrize("grouped", [False, True])
def test_evidence_of_classes_is_unchanged_bit_for_bit(metric, grouped):
    truth_N, answers = answers_of_draws()
    blocks = TestBlocks.make(270, [f"g{row // 2}" for row in range(270)] if grouped else None)
    found = Evidence(metric, truth_N, blocks)
    now = np.stack([found.of(answer_N.astype(np.uint16)) for answer_N in answers])
    before = np.stack([classes_before(metric, truth_N, answer_N, blocks) for answer_N in answers])
    assert np.array_equal(now, before)
    assert estimate(now, 0.2, 270).interval() == estimate(before, 0.2, 270).interval()


@pytest.mark.parametrize(
    ("metric", "grouped", "score", "lead"),
    [
        (ACCURACY, False, (0.5791880065844942, 0.6985897711932837), (0.3214143880429243, 0.5563633897348534)),
        (ACCURACY, True, (0.6038503934647751, 0.6739273843130026), (0.3622487920932257, 0.5155289856845521)),
        (MACRO_F1, False, (0.5787222613448624, 0.6991831466628526), (0.32079898457274847, 0.557178848619543)),
        (MACRO_F1, True, (0.603751033381764, 0.6741543746259511), (0.3621747408990696, 0.515803092293222)),
    ],
)
def test_intervals_of_classes_are_those_of_format_1(metric, grouped, score, lead):
    """Numbers of the program that wrote reports of format 1."""
    truth_N, answers = answers_of_draws()
    found = Evidence(metric, truth_N, TestBlocks.make(270, [f"g{row // 2}" for row in range(270)] if grouped else None))
    values_DG, chance_DG = (np.stack([judge(answer_N) for answer_N in answers]) for judge in (found.of, found.chance))
    assert estimate(values_DG, 0.2, 270).interval() == pytest.approx(score, rel=1e-12)
    assert estimate(values_DG - chance_DG, 0.2, 270, 1e-4).interval(0.01) == pytest.approx(lead, rel=1e-12)


def test_the_unit_of_a_metric_scales_the_smallest_error():
    values_DG = np.full((5, 50), 40.0)
    assert estimate(values_DG, rows=500, bounds=Bounds.of_score((0.0, 100.0))).error == pytest.approx(100 / 500)
    random_DG = np.random.default_rng(0).normal(size=(6, 40))
    one, hundred = (
        estimate(random_DG, 0.1, 40),
        estimate(100 * random_DG, 0.1, 40, bounds=Bounds.of_difference((0.0, 100.0))),
    )
    assert hundred.error == pytest.approx(100 * one.error)
    assert hundred.freedom == pytest.approx(one.freedom)


def test_a_guess_among_few_candidates_is_good():
    """90 rows that share 3 answers: a random order finds the right one first in a third of the rows, not in a 90th."""
    found = Evidence(make("recall_at_1"), np.full(90, 3.0), TestBlocks.make(90))
    assert found.chance(np.ones(90)).mean() == pytest.approx(1 / 3, abs=0.1)


def test_the_best_constant_answer():
    assert make("answer_f1").constant([("film",), ()]) == ""
    texts = ["see you at the cinema", "see you at the cinema", "see you at the theatre", "no"]
    assert make("chrf").constant(texts) == make("bleu").constant(texts) == "see you at the cinema"
    assert make("spearman").constant(np.arange(3.0)) is make("entity_f1").constant([[]]) is None
    found = Evidence(make("exact_match"), [("film",), (), (), ("food",)], TestBlocks.make(4))
    assert found.constant("").mean() == pytest.approx(0.5)
