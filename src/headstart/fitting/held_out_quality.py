"""How good the answers of a linear model are on held-out rows, by which the features that it reads are chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from headstart.core.examples import Examples
from headstart.core.label_answers import label_matrix
from headstart.fitting.checks import labels_of
from headstart.fitting.linear import Matrix, fit_once
from headstart.fitting.linear_sets import quick_scores
from headstart.fitting.model_selection import RowFacts, choose, folds_of
from headstart.fitting.ridge import fit_ridge
from headstart.fitting.time_budget import Clock


def linear_quality(
    features_ND: Matrix, examples: Examples, train: np.ndarray, held: np.ndarray, *, default: float, seed: int
) -> np.ndarray:
    """Return how good the answer to each held-out row is: 1 when right, for numbers and
    probabilities of labels minus the squared error.

    default: C of logistic regression; of ridge the penalty from which others are tried. Raises HeadstartError: no
    labels.
    """
    facts = RowFacts.of(examples)
    if examples.task == "regress":
        numbers_N = np.asarray(examples.targets, np.float64)
        kept = RowFacts(weights=facts.weight_of(train))
        ridge, _ = fit_ridge(features_ND[train], numbers_N[train], default=default, seed=seed, facts=kept)
        return -((ridge.numbers(features_ND[held]) - numbers_N[held]) ** 2)
    if examples.task == "multilabel":
        score_MC = quick_scores(features_ND, examples, train, held, strength=default)
        return -((score_MC - label_matrix(examples)[held]) ** 2).sum(1)
    labels_N = labels_of(examples)
    how = {"strength": default, "weight_N": facts.weight_of(train)}
    linear = fit_once(features_ND[train], labels_N[train], len(examples.classes), **how)
    return linear.predict_proba(features_ND[held]).argmax(axis=1) == labels_N[held]


def choose_features(
    features: Sequence[Callable[[], Matrix]],
    usual: int,
    examples: Examples,
    *,
    default: float,
    seed: int,
    clock: Clock,
) -> tuple[int, int]:
    """Return which of several features of the rows a linear model reads best, and the number of folds judged.

    features: what make them, [N, D] each, in an order in which neighbours are alike. usual: the place of those that are
    taken unless others are clearly better (`choose`). default: see `linear_quality`. clock: no further fold is judged
    after its end. Raises HeadstartError: no labels.
    """
    judged = 0

    def judge(train: np.ndarray, held: np.ndarray) -> np.ndarray | None:
        nonlocal judged
        if judged and not clock.more:
            return None
        clock.part()
        judged += 1
        quality = [linear_quality(make(), examples, train, held, default=default, seed=seed) for make in features]
        return RowFacts.of(examples).weighted(np.stack(quality, axis=1), held)

    return choose(range(len(features)), usual, judge, folds_of(examples, seed=seed)), judged
