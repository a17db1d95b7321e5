"""The held-out test part: groups and equal texts stay whole, no class is lost, long texts cost nothing."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.splits import held_out_test


def examples(texts, labels, groups=None, second=None) -> Examples:
    labels = np.array(labels, np.int64)
    return Examples(
        items=texts, second=second, labels=labels, classes=tuple(map(str, range(labels.max() + 1))), groups=groups
    )


def test_a_quarter_and_nothing_lost():
    made = examples([f"text {n % 90}" for n in range(100)], [n % 2 for n in range(100)])
    parts = [held_out_test(made, seed) for seed in (1, 1, 2)]
    train, test = parts[0]
    assert len(test) == 25
    assert sorted([*train.items, *test.items]) == sorted(made.items)
    assert not set(train.items) & set(test.items)
    assert parts[1][1].items == test.items != parts[2][1].items


def test_second_texts_make_a_row_another():
    made = examples(["same"] * 40, [0, 1] * 20, second=[f"other {n}" for n in range(40)])
    assert len(held_out_test(made, 0)[1]) == 10


@pytest.mark.parametrize("seed", range(5))
def test_groups_that_share_a_text_are_one(seed):
    texts = [f"text {n}" for n in range(60)]
    groups = [f"group {n // 3}" for n in range(60)]
    for group in range(0, 20, 2):  # the groups 0 and 1, 2 and 3 ... share a text
        texts[3 * group] = texts[3 * group + 3] = f"shared {group}"
    train, test = held_out_test(examples(texts, [n % 2 for n in range(60)], groups), seed)
    assert len(test) == 12  # two pairs of groups; a third pair would be more than a quarter
    assert not set(train.items) & set(test.items)
    assert not set(train.groups) & set(test.groups)


@pytest.mark.parametrize("seed", range(12))
def test_a_class_of_one_row_stays_in_training(seed):
    train, test = held_out_test(examples([f"text {n}" for n in range(40)], [2, *[0, 1] * 19, 1]), seed)
    assert set(train.labels.tolist()) == {0, 1, 2}
    assert len(test) == 10


def test_too_few_rows():
    with pytest.raises(HeadstartError, match="2 labelled rows are too few"):
        held_out_test(examples(["a", "b"], [0, 1]), 0)


def test_one_long_text_does_not_multiply():
    texts = ["x" * 1_000_000, *[f"text {n}" for n in range(500)]]
    made = examples(texts, [n % 2 for n in range(501)])
    tracemalloc.start()
    held_out_test(made, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
