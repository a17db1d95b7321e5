"""One test row, or test rows of one group, give a score and no spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from synthetic_study import ACCURACY, MACRO_F1

from headstart.core import registry
from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.pooled import pooled_score


@pytest.mark.parametrize("metric", [ACCURACY, MACRO_F1])
@pytest.mark.parametrize("rows", [1, 5])
def test_one_block_has_the_score_as_its_value(metric, rows):
    truth, said = np.arange(rows) % 2, np.zeros(rows, int)
    judge = Evidence(metric, truth, TestBlocks.make(rows, ["one"] * rows))
    assert judge.of(said).tolist() == [pytest.approx(metric.score(truth, said))]
    pooled = pooled_score(metric, truth, [said] * 4, ["one"] * rows)
    assert pooled.value == pytest.approx(metric.score(truth, said))
    assert all(map(math.isnan, pooled.interval()))


def test_one_block_of_numbers():
    metric = registry.load("metric", "pearson")()
    truth, said = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])
    judge = Evidence(metric, truth, TestBlocks.make(3, ["one"] * 3))
    assert judge.of(said).tolist() == [pytest.approx(metric.score(truth, said))]


def test_no_rows_are_no_blocks():
    blocks = TestBlocks.make(0)
    assert (blocks.count, len(blocks.block_N), len(blocks.weights())) == (0, 0, 0)
