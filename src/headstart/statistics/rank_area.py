"""The area under the ROC curve from ranks: how often a row of one side is above a row of the other (Mann-Whitney U)."""

from __future__ import annotations

import numpy as np


def rank_area(rank_N: np.ndarray, own_N: np.ndarray) -> float:
    """Return the share of pairs in which the own row has the higher rank, ties counted half; nan where a side is empty.

    rank_N: ranks of the scores from 1, mean ranks for ties. own_N: which rows are of the own side, bool [N].
    """
    own = int(own_N.sum())
    others = len(own_N) - own
    return float((rank_N[own_N].sum() - own * (own + 1) / 2) / (own * others)) if own and others else float("nan")
