"""Answers of task multilabel, and labels as a matrix: a column for each label, a row for each example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.examples import Examples

SAID_FROM = 0.5  # the probability from which a label is said
_THRESHOLDS = np.linspace(0.1, 0.6, 11)


def label_matrix(examples: Examples) -> np.ndarray:
    """Return which labels each row has, bool [N, C]; labels that are none of `classes` are left out."""
    place = {name: column for column, name in enumerate(examples.classes)}
    out_NC = np.zeros((len(examples), len(place)), bool)
    for row, labels in enumerate(examples.targets or ()):
        out_NC[row, [place[name] for name in labels if name in place]] = True
    return out_NC


def best_threshold(scores_NC: np.ndarray, true_NC: np.ndarray) -> float:
    """Return from which probability labels are best said: the best micro-F1, of equally good ones the nearest to .5."""
    said_TNC = scores_NC >= _THRESHOLDS[:, None, None]
    both_T = said_TNC.sum((1, 2)) + true_NC.sum()
    f1_T = 2 * (said_TNC & true_NC).sum((1, 2)) / np.maximum(both_T, 1)
    good = _THRESHOLDS[f1_T >= f1_T.max() - 1e-9]
    return round(float(good[np.abs(good - SAID_FROM).argmin()]), 3)


def label_answers(scores_NC: np.ndarray, classes: Sequence[str], said_from: float = SAID_FROM) -> list[dict[str, Any]]:
    """Return answers from probabilities [N, C]: {"labels": said, in the order of classes, "scores": by label}."""
    return [
        {
            "labels": [name for name, score in zip(classes, scores_C) if score >= said_from],
            "scores": {name: round(float(score), 6) for name, score in zip(classes, scores_C)},
        }
        for scores_C in scores_NC
    ]
