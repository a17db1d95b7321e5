"""What a classifier does beyond one score: each class, mistakes by pair, log loss, AUC, accuracy of its surest answers.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from headstart.statistics.rank_area import rank_area

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)  # shares of the rows, the surest ones
_LEAST = 1e-15  # of a probability, in the log loss


@dataclass(frozen=True)
class ClassLine:
    """One class. rows: true ones. precision: of the rows that are called so, nan for none; recall: of the true rows;
    auc: how often a true row is surer of it than another row."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float
    auc: float


@dataclass(frozen=True)
class Covered:
    """The surest rows: their share, the least probability among them, and how many are right."""

    share: float
    threshold: float
    accuracy: float


@dataclass(frozen=True)
class ClassDetails:
    """classes: a line each. auc: the mean over classes that have one. confused: (true class, said, rows), the commonest
    first. coverage: see `Covered`. worst: rows with the surest mistakes, the surest first."""

    classes: tuple[ClassLine, ...]
    log_loss: float
    auc: float
    confused: tuple[tuple[str, str, int], ...]
    coverage: tuple[Covered, ...]
    worst: tuple[int, ...]


def class_details(scores_NC: np.ndarray, true_N: np.ndarray, names: Sequence[str], mistakes: int = 5) -> ClassDetails:
    """Return the details of probabilities [N, C] of at least one row."""
    rows, said_N = np.arange(len(true_N)), scores_NC.argmax(1)
    lines = tuple(_line(name, place, scores_NC[:, place], true_N, said_N) for place, name in enumerate(names))
    surest_N, wrong_N = scores_NC.max(1), said_N != true_N
    pairs = Counter((names[true_N[row]], names[said_N[row]]) for row in np.flatnonzero(wrong_N))
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    wrong = np.flatnonzero(wrong_N)
    worst = wrong[np.argsort(-surest_N[wrong], kind="stable")][:mistakes]
    aucs = [line.auc for line in lines if line.auc == line.auc]
    return ClassDetails(
        lines,
        float(-np.log(np.maximum(scores_NC[rows, true_N], _LEAST)).mean()),
        float(np.mean(aucs)) if aucs else float("nan"),
        tuple((true, said, count) for (true, said), count in ordered),
        _coverage(surest_N, ~wrong_N),
        tuple(worst.tolist()),
    )


def _line(name: str, place: int, score_N: np.ndarray, true_N: np.ndarray, said_N: np.ndarray) -> ClassLine:
    own_N, called_N = true_N == place, said_N == place
    hits, own, called = int((own_N & called_N).sum()), int(own_N.sum()), int(called_N.sum())
    nan, area = float("nan"), rank_area(rankdata(score_N), own_N)
    precision, recall = hits / called if called else nan, hits / own if own else nan
    return ClassLine(name, own, precision, recall, 2 * hits / (own + called) if own + called else nan, area)


def _coverage(surest_N: np.ndarray, right_N: np.ndarray) -> tuple[Covered, ...]:
    order = np.argsort(-surest_N, kind="stable")
    out = []
    for share in COVERAGES:
        kept = order[: max(1, round(share * len(order)))]
        out.append(Covered(share, float(surest_N[kept].min()), float(right_N[kept].mean())))
    return tuple(out)
