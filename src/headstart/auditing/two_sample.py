"""Do train and test come from the same source: a classifier two-sample test (Lopez-Paz and Oquab 2017).

A classifier that tells held-out rows of the two sides apart better than chance proves a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2_contingency, rankdata

from headstart.auditing.classifier import out_of_fold
from headstart.auditing.copies import first_with
from headstart.auditing.items import kind_of
from headstart.core.seeds import numpy_generator
from headstart.statistics.rank_area import rank_area

FEWEST, MOST = 20, 4_000  # rows of each side
_CLEAR_P, _CLEAR_AUC = 0.01, 0.55
_SHUFFLES = 999


def two_sample(
    train: Sequence[Any], test: Sequence[Any], train_folds: Sequence[str], test_folds: Sequence[str], seed: int
) -> dict[str, Any]:
    """Return AUC of held-out rows (.5: alike), its 95 % interval, p of a permutation test, differences in words.

    unlike: the places of the rows of each side that look least like the other side, the clearest first.

    As many rows of train as of test are dealt into two halves, rows with equal folds into the same half; each half is
    scored by a classifier trained on the other.
    """
    random = numpy_generator(seed, "two-sample")
    size = min(len(train), len(test), MOST)
    picked = [np.sort(random.permutation(len(part))[:size]) for part in (train, test)]
    kind = kind_of(train)
    items = [part[row] for part, rows in zip((train, test), picked) for row in rows]
    folds = [part[row] for part, rows in zip((train_folds, test_folds), picked) for row in rows]
    side_N = np.repeat([0, 1], size)
    half_N = random.permutation(2 * size)[first_with(folds)] % 2
    # A half may be all there is (equal items): then nothing can be told.
    score_N = np.nan_to_num(out_of_fold(kind.features(items), side_N, 2, half_N, seed)[:, 1], nan=0.5)
    halves = [(rankdata(score_N[half_N == half]), side_N[half_N == half]) for half in (0, 1)]
    auc = float(np.mean([_auc(rank, side) for rank, side in halves]))
    chance = [np.mean([_auc(rank, random.permutation(side)) for rank, side in halves]) for _ in range(_SHUFFLES)]
    low, high = _interval(auc, size)
    return {
        "auc": round(auc, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "p": round((1 + sum(value >= auc for value in chance)) / (1 + _SHUFFLES), 3),
        "rows_of_each": size,
        "unlike": {
            "train": picked[0][np.argsort(score_N[:size], kind="stable")].tolist(),
            "test": picked[1][np.argsort(-score_N[size:], kind="stable")].tolist(),
        },
    } | kind.differences(items[:size], items[size:])


def told_apart(found: dict[str, Any]) -> bool:
    """Whether the two sides of `two_sample` are clearly told apart."""
    return found["p"] < _CLEAR_P and found["auc"] > _CLEAR_AUC


def _auc(rank: np.ndarray, side: np.ndarray) -> float:
    """Return the area under the curve, .5 where a half has rows of one side alone."""
    area = rank_area(rank, side == 1)
    return area if area == area else 0.5


def _interval(auc: float, size: int) -> tuple[float, float]:
    """Return the 95 % interval of an AUC with `size` rows of each side (Hanley and McNeil 1982)."""
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (size - 1) * (one - auc**2) + (size - 1) * (two - auc**2)) / size**2
    half = 1.96 * max(variance, 0.0) ** 0.5
    return max(auc - half, 0.0), min(auc + half, 1.0)


def class_shares(train_N: np.ndarray, test_N: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Return the share of each class on both sides, their total variation distance, and p of a chi-square test."""
    count_2C = np.stack([np.bincount(part, minlength=len(classes)) for part in (train_N, test_N)])
    share_2C = count_2C / np.maximum(count_2C.sum(axis=1, keepdims=True), 1)
    present = count_2C.sum(axis=0) > 0
    p = float(chi2_contingency(count_2C[:, present]).pvalue) if present.sum() > 1 else 1.0
    return {
        "classes": {name: share_2C[:, place].round(4).tolist() for place, name in enumerate(classes)},
        "distance": round(float(abs(share_2C[0] - share_2C[1]).sum() / 2), 4),
        "p": float(f"{p:.3g}"),
        "only_in_test": [name for place, name in enumerate(classes) if count_2C[1, place] and not count_2C[0, place]],
    }
