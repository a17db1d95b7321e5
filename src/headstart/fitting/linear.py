"""Linear classifiers on given vectors: logistic regression, linear SVM, naive Bayes, strength chosen on folds.

Fewer rows than columns: an L2-penalised fit lies in the span of the rows, so it is made on the n x n coordinates of the
rows in their own span (kernel trick; Hastie & Tibshirani 2004, "Efficient quadratic regularization") and mapped back.
The result is exact, and the reduction makes 25 inner fits on 100,000 TF-IDF columns cheap.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC
from threadpoolctl import ThreadpoolController

from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason
from headstart.fitting.model_selection import ALIKE, RowFacts, choose, make_folds
from headstart.fitting.time_budget import CUT, Clock
from headstart.nn.vector_steps import SOFTMAX, Step, for_all_classes

Matrix = np.ndarray | sparse.csr_matrix
Family = Literal["logistic", "svm", "bayes"]

# The strengths tried: C of logistic regression and SVM, added counts of naive Bayes.
GRIDS: dict[str, tuple[float, ...]] = {
    "logistic": (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
    "svm": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "bayes": (0.01, 0.03, 0.1, 0.3, 1.0),
}
_FOR_CHOICE = 0.6  # share of the seconds, at most, for choosing the strength; as for networks
# Steps of logistic regression: at most; timed beforehand; of a usual fit; at least, however short the time. On 4,000
# tokens of SNIPS with 75 tags 20, 40, 80 and 300 steps gave an entity F1 of .314, .371, .387 and .395.
_MOST_STEPS, _TIMED_STEPS, _USUAL_STEPS, _LEAST_STEPS = 300, 5, 30, 20
_MOST_REDUCED = 3_000  # rows up to which the n x n coordinates are made (n^3 time, n^2 memory)


@dataclass(frozen=True)
class LinearModel:
    """weight_KD, bias_K: float32, for the K classes with training rows; seen_K: numbers of these among all classes."""

    weight_KD: np.ndarray
    bias_K: np.ndarray
    seen_K: np.ndarray
    classes: int

    def predict_proba(self, features: Matrix) -> np.ndarray:
        """Return probabilities [N, C] for features [N, D]; a class never seen gets 0."""
        logits_NK = np.asarray(features @ self.weight_KD.T, dtype=np.float64) + self.bias_K
        out = np.zeros((features.shape[0], self.classes))
        out[:, self.seen_K] = softmax(logits_NK, axis=1)
        return out

    def steps(self) -> list[Step]:
        """Return `predict_proba` as steps."""
        return [for_all_classes(self.weight_KD, self.bias_K, self.seen_K, self.classes), SOFTMAX]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save; `from_arrays` reads them."""
        return {"weight": self.weight_KD, "bias": self.bias_K, "seen": self.seen_K}

    @classmethod
    def constant(cls, width: int, seen_K: np.ndarray, classes: int) -> LinearModel:
        """Return the model of D = `width` features that always answers the one class that was seen."""
        return cls(np.zeros((1, width), np.float32), np.zeros(1, np.float32), seen_K, classes)

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], classes: int) -> LinearModel:
        """Rebuild from `arrays()`."""
        return cls(arrays["weight"], arrays["bias"], arrays["seen"], classes)


def fit_linear(
    features: Matrix,
    labels_N: np.ndarray,
    classes: int,
    *,
    family: Family = "logistic",
    default: float,
    seed: int,
    facts: RowFacts = ALIKE,
    seconds: float | None = None,
) -> tuple[LinearModel, dict[str, Any]]:
    """Fit features [N, D] to labels [N] < classes; the strength is chosen from GRIDS by `choose`, default `default`.

    seconds: may end the choice after fewer folds, or before the first one (then it is the default), and the steps of
    logistic regression. Returns the model and notes (strength, folds judged, `CUT`). Classes without a row get
    probability 0; with one class seen the model is constant. Raises HeadstartError when `default` is not of the grid.
    """
    grid = GRIDS[family]
    if default not in grid:
        raise HeadstartError(
            Reason(
                "default_strength", "default={value}: not one of the strengths tried ({grid})", value=default, grid=grid
            )
        )
    seen_K, target_N = np.unique(labels_N, return_inverse=True)
    features = features.tocsr() if sparse.issparse(features) else np.asarray(features, dtype=np.float32)
    if len(seen_K) == 1:
        notes = {"strength": None, "folds": 0, CUT: False}
        return LinearModel.constant(features.shape[1], seen_K, classes), notes
    # The SVM's solver is quick on sparse rows as they are; counts of naive Bayes cannot be turned.
    coordinates, back = turned(features, family)
    pairs = make_folds(target_N, seed=seed, groups=facts.groups)
    clock, solver = Clock(seconds), _solver(family)
    # The 36 fits are many short matrix products: threads that wait for each other cost more than they bring.
    with _pools().limit(limits=1):
        each = 0.0 if seconds is None else _seconds_per_step(solver, coordinates, target_N, default)
        judge = _Judge(family, coordinates, target_N, facts, Clock(clock.share(_FOR_CHOICE)), each)
        picked = choose(grid, grid.index(default), judge, pairs)
        hurried = each > 0 and each * _MOST_STEPS > clock.left
        if hurried:
            solver.set_params(max_iter=max(int(clock.left / each), _LEAST_STEPS))
        weight, bias = _fit(solver, coordinates, target_N, grid[picked], facts.weights)
    if family == "svm":
        scale = judge.scale(picked)
        weight, bias = weight * scale, bias * scale
    if back is not None:
        weight = weight @ back
    # In the order in which they are saved: a product rounds otherwise in another.
    model = LinearModel(np.ascontiguousarray(weight, np.float32), bias.astype(np.float32), seen_K, classes)
    cut = judge.gave_up or bool(hurried and solver.n_iter_.max() >= solver.max_iter)
    return model, {"strength": grid[picked], "folds": len(judge.margins), CUT: cut}


def fit_once(
    features: Matrix, labels_N: np.ndarray, classes: int, *, strength: float, weight_N: np.ndarray | None = None
) -> LinearModel:
    """Fit logistic regression of a given C to features [N, D] and labels [N] < classes; see `fit_linear`.

    weight_N: how much each row counts, None: all alike.
    """
    seen_K, target_N = np.unique(labels_N, return_inverse=True)
    if len(seen_K) == 1:
        return LinearModel.constant(features.shape[1], seen_K, classes)
    with _pools().limit(limits=1):
        coordinates, back = _own_span(features)
        weight, bias = _fit(_solver("logistic"), coordinates, target_N, strength, weight_N)
    weight = weight if back is None else weight @ back
    return LinearModel(weight.astype(np.float32), bias.astype(np.float32), seen_K, classes)


@cache
def _pools() -> ThreadpoolController:
    """Return what limits threads; looking for the libraries that have some, all loaded by now, costs as a small fit."""
    return ThreadpoolController()


class _Judge:
    """Fits one fold with every strength and returns which held-out rows are right; keeps the held-out margins.

    A fold is given up when the clock says that its time is out, and is not begun when it would be. each: seconds of a
    step of the solver, 0 where not known.
    """

    def __init__(
        self,
        family: Family,
        features: Matrix,
        target_N: np.ndarray,
        facts: RowFacts,
        clock: Clock,
        each: float,
    ):
        self.family, self.features, self.target_N, self.facts = family, features, target_N, facts
        self.grid = grid = GRIDS[family]
        self.clock, self.slowest = clock, each * _USUAL_STEPS * len(grid)
        self.classes = int(target_N.max()) + 1
        self.gave_up = False  # for want of time
        self.margins: list[tuple[np.ndarray, np.ndarray]] = []  # ([settings, held-out, K], held-out rows)

    def __call__(self, train: np.ndarray, held: np.ndarray) -> np.ndarray | None:
        self.gave_up = self.slowest > self.clock.left
        if self.gave_up:
            return None
        fold = Clock(None)
        present, target = np.unique(self.target_N[train], return_inverse=True)
        logits = np.full((len(self.grid), len(held), self.classes), -np.inf)
        if len(present) == 1:
            logits[:, :, present[0]] = 0.0
        else:
            rows, solver = self.features[train], _solver(self.family)
            for position, strength in enumerate(self.grid):
                if self.clock.out:
                    self.gave_up = True
                    return None
                weight, bias = _fit(solver, rows, target, strength, self.facts.weight_of(train))
                logits[position][:, present] = np.asarray(self.features[held] @ weight.T) + bias
        self.margins.append((logits, held))
        self.slowest = max(self.slowest, fold.used)
        return self.facts.weighted((logits.argmax(axis=2) == self.target_N[held]).T, held)

    def scale(self, picked: int) -> float:
        """Return the factor that makes held-out SVM margins the best logits (temperature scaling, Guo et al. 2017)."""
        if not self.margins:
            return 1.0
        logits = np.concatenate([margins[picked] for margins, _ in self.margins])
        held = np.concatenate([held for _, held in self.margins])
        rows, truth, weight_N = np.arange(len(held)), self.target_N[held], self.facts.weight_of(held)

        def loss(log_scale: float) -> float:
            scaled = logits * np.exp(log_scale)
            return float(np.average(logsumexp(scaled, axis=1) - scaled[rows, truth], weights=weight_N))

        return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 4.0), method="bounded").x))


def turned(features: Matrix, family: Family) -> tuple[Matrix, np.ndarray | Matrix | None]:
    """Return `_own_span` of the features where the solver of a family gains by it, else (features, None)."""
    gains = family == "logistic" or (family == "svm" and not sparse.issparse(features))
    return _own_span(features) if gains else (features, None)


def _own_span(features: Matrix) -> tuple[Matrix, np.ndarray | Matrix | None]:
    """Return (coordinates [N, R] of the rows in their span, map [R, D] back), or (features, None) if that saves
    nothing."""
    rows, columns = features.shape
    if rows >= columns or rows > _MOST_REDUCED:
        return features, None
    product = features @ features.T
    gram = np.asarray(product.todense() if sparse.issparse(product) else product, dtype=np.float64)
    strength, basis = np.linalg.eigh(gram)
    kept = strength > 1e-7 * strength[-1]
    if not kept.any():
        return features, None
    root = np.sqrt(strength[kept])
    coordinates = (basis[:, kept] * root).astype(np.float32)
    # float32 suffices: the map is applied once, to the learned weights.
    return coordinates, np.asarray((features.T @ (basis[:, kept] / root)).T, dtype=np.float32)


def _solver(family: Family) -> LogisticRegression | LinearSVC | MultinomialNB:
    """Return the unfitted solver; logistic regression starts from its last fit, for quick paths of strengths."""
    if family == "bayes":
        return MultinomialNB()
    if family == "svm":
        return LinearSVC(random_state=0, max_iter=2_000, dual=True)  # on rows in their own span twice as fast
    return LogisticRegression(max_iter=_MOST_STEPS, warm_start=True)


def _seconds_per_step(solver: Any, features: Matrix, target_N: np.ndarray, strength: float) -> float:
    """Return the seconds of one step of logistic regression on these rows; 0 for the other families."""
    if not isinstance(solver, LogisticRegression):
        return 0.0
    fit = Clock(None)
    _fit(clone(solver).set_params(max_iter=_TIMED_STEPS), features, target_N, strength)
    return fit.used / _TIMED_STEPS


def _fit(
    solver: Any, features: Matrix, target_N: np.ndarray, strength: float, weight_N: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (weight [K, D], bias [K]) for the K classes of `target_N`; two classes get one row of weights each."""
    bayes = isinstance(solver, MultinomialNB)
    solver.set_params(**{"alpha" if bayes else "C": strength})
    # The solver stopping early changes predictions too little for a warning per inner fit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Raised for many classes with two rows each
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        solver.fit(features, target_N, sample_weight=weight_N)
    if bayes:
        return solver.feature_log_prob_, solver.class_log_prior_
    if len(solver.coef_) > 1:
        return solver.coef_, solver.intercept_
    weight, bias = 0.5 * solver.coef_[0], 0.5 * solver.intercept_[0]
    return np.stack([-weight, weight]), np.array([-bias, bias])
