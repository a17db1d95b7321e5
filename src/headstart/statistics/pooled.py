"""The score of several models of one recipe that differ by their seed alone, over seeds and test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.spec import MetricSpec
from headstart.statistics.blocks import Evidence, TestBlocks
from headstart.statistics.intervals import Bounds, Estimate, estimate

_SAME_ROWS = 1.0  # all models learned from the same labelled rows: the mean holds for these rows


def pooled_score(
    metric: MetricSpec, truth: Any, answers: Sequence[Any], groups: Sequence[str] | None = None
) -> Estimate:
    """Return the mean score of D models that answered the same N test rows; with fewer than 3 it has no interval.

    truth, answers: see `TaskSpec.metric_inputs`; groups: of the test rows, which are resampled whole.
    """
    judge = Evidence(metric, truth, TestBlocks.make(len(truth), groups))
    values_DG = np.stack([judge.of(one) for one in answers])
    return estimate(values_DG, _SAME_ROWS, len(truth), bounds=Bounds.of_score(metric.limits))
