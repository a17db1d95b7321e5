"""Linear classifiers of label sets: one for each label (one against the rest), and where a label is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, logit

from headstart.core.examples import Examples
from headstart.core.label_answers import SAID_FROM, best_threshold, label_answers, label_matrix
from headstart.fitting.linear import Family, LinearModel, Matrix, fit_linear, fit_once, turned
from headstart.fitting.model_selection import RowFacts, folds_of
from headstart.fitting.time_budget import CUT, Clock
from headstart.nn.vector_steps import SIGMOID, Step, affine

_FEWEST = 20  # held-out rows by which a threshold is chosen
_FOR_THRESHOLD = 0.25  # share of the seconds, at most


@dataclass(frozen=True)
class LinearSets:
    """weight_CD, bias_C: float32, logits of C labels. said_from: the probability from which a label is said."""

    weight_CD: np.ndarray
    bias_C: np.ndarray
    said_from: float

    def scores(self, features: Matrix) -> np.ndarray:
        """Return the probability of each label for itself, [N, C], for features [N, D]."""
        return expit(np.asarray(features @ self.weight_CD.T, np.float64) + self.bias_C)

    def answers(self, features: Matrix, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return the answers of task multilabel."""
        return label_answers(self.scores(features), classes, self.said_from)

    def steps(self) -> list[Step]:
        """Return `scores` as steps."""
        return [affine(self.weight_CD, self.bias_C), SIGMOID]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save; `from_arrays` reads them."""
        return {"weight": self.weight_CD, "bias": self.bias_C, "said_from": np.array([self.said_from])}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> LinearSets:
        """Rebuild from `arrays()`."""
        return cls(arrays["weight"], arrays["bias"], float(arrays["said_from"][0]))


def fit_sets(
    features: Matrix,
    examples: Examples,
    *,
    family: Family = "logistic",
    default: float,
    seed: int,
    seconds: float | None = None,
) -> tuple[LinearSets, dict[str, Any]]:
    """Fit features [N, D] to the labels of `examples`; each label chooses its strength as `fit_linear` does.

    The threshold is the one that gives the best micro-F1 on held-out rows: few labelled rows give rare labels small
    probabilities. A label that all rows have, or none, gets its share as its probability. Returns the model and notes.
    """
    clock, true_NC = Clock(seconds), label_matrix(examples)
    features = features.tocsr() if sparse.issparse(features) else np.asarray(features, np.float32)
    coordinates, back = turned(features, family)
    open_C = np.flatnonzero(true_NC.any(0) & ~true_NC.all(0))
    share_C = (true_NC.sum(0) + 0.5) / (len(true_NC) + 1)
    weight_CD = np.zeros((true_NC.shape[1], coordinates.shape[1]), np.float64)
    bias_C, strengths, cut = logit(share_C), {}, False
    for turn, column in enumerate(open_C):
        left = clock.share((1 - _FOR_THRESHOLD) / (len(open_C) - turn))
        how = {"family": family, "default": default, "seed": seed, "facts": RowFacts.of(examples), "seconds": left}
        found, notes = fit_linear(coordinates, true_NC[:, column].astype(np.int64), 2, **how)
        weight_CD[column], bias_C[column] = _logit(found)
        strengths[column], cut = notes["strength"], cut or notes[CUT]
    said_from, judged = _threshold(coordinates, examples, strengths, family, seed, clock)
    weight = weight_CD if back is None else weight_CD @ back
    model = LinearSets(np.ascontiguousarray(weight, np.float32), bias_C.astype(np.float32), said_from)
    told = {"strength": float(np.median([*strengths.values()])) if strengths else None, "said_from": said_from}
    return model, told | {"held_out_rows": judged, CUT: cut}


def _logit(model: LinearModel) -> tuple[np.ndarray, float]:
    """Return weight [D] and bias of the logit of the second of two classes."""
    return model.weight_KD[1] - model.weight_KD[0], float(model.bias_K[1] - model.bias_K[0])


def quick_scores(
    features: Matrix, examples: Examples, train: np.ndarray, held: np.ndarray, *, strength: float
) -> np.ndarray:
    """Return probabilities [held, C] by logistic regression of a given C on the rows `train`."""
    true_NC, weight_N = label_matrix(examples)[train], RowFacts.of(examples).weight_of(train)
    out_MC = np.tile((true_NC.sum(0) + 0.5) / (len(train) + 1), (len(held), 1))
    for column in np.flatnonzero(true_NC.any(0) & ~true_NC.all(0)):
        target_N = true_NC[:, column].astype(np.int64)
        model = fit_once(features[train], target_N, 2, strength=strength, weight_N=weight_N)
        out_MC[:, column] = model.predict_proba(features[held])[:, 1]
    return out_MC


def _threshold(
    features: Matrix, examples: Examples, strengths: dict[int, float], family: Family, seed: int, clock: Clock
) -> tuple[float, int]:
    """Return the threshold with the best micro-F1 on held-out rows and their number; .5 for too few rows."""
    if family != "logistic" or not strengths:  # the others' probabilities are not those of logistic regression
        return SAID_FROM, 0
    true_NC, scores, truth = label_matrix(examples), [], []
    strength = float(np.median([*strengths.values()]))
    for train, held in folds_of(examples, seed=seed):
        if clock.out:
            break
        scores.append(quick_scores(features, examples, train, held, strength=strength))
        truth.append(true_NC[held])
    judged = sum(map(len, truth))
    if judged < _FEWEST:
        return SAID_FROM, judged
    return best_threshold(np.concatenate(scores), np.concatenate(truth)), judged
