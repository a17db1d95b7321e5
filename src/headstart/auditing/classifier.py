"""A quick classifier for audits: hashed character 2- to 4-grams, TF-IDF, logistic regression.

It is route tfidf_logreg with hashed columns (Weinberger et al. 2009) and a fixed regularisation: an audit needs
held-out scores of every row within seconds, and the route would choose its regularisation anew in each fold. Dense
features, those of images, are not weighted; all rows are brought to length 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression, SGDClassifier
from threadpoolctl import threadpool_limits

from headstart.core.normal_form import normal_form
from headstart.core.seeds import numpy_generator
from headstart.text.folding import Flat, mix

_COLUMNS, _LONGEST, _PORTION = 2**18, 2_000, 10_000
_MOST_ROWS = 600_000  # rows times classes that a model learns from
_FEW_CLASSES, _DIRECTIONS, _NARROW = 8, 256, 2**14
_PENALTY, _PASSES = 0.3, 6  # of the stochastic fit: L2 penalty times rows
_STRENGTH, _STEPS = 30.0, 60  # of the fit on directions: C, steps
_TURNS = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7, 0xA0761D6478BD642F], np.uint64)


Matrix = sparse.csr_matrix | np.ndarray  # [N, D]


def counts(texts: Sequence[str]) -> sparse.csr_matrix:
    """Return 1 + log of how often each hashed 2-, 3- and 4-gram occurs in each text, float32 [N, columns]."""
    parts = [sparse.csr_matrix((0, _COLUMNS), dtype=np.float32)]
    for start in range(0, len(texts), _PORTION):
        some = [f" {' '.join(text[:_LONGEST].split())} " for text in texts[start : start + _PORTION]]
        flat = Flat.of([normal_form(text).casefold() for text in some])
        row_M, hashed, columns, rows = flat.row_M, np.zeros(len(flat.code_M), np.uint64), [], []
        for length, turn in enumerate(_TURNS, 1):
            last = len(flat.code_M) - length + 1
            if last <= 0:
                break
            hashed = hashed[:last] + flat.code_M[length - 1 :] * turn
            inside = row_M[:last] == row_M[length - 1 :]
            if length > 1:
                columns.append((mix(hashed[inside]) % np.uint64(_COLUMNS)).astype(np.int32))
                rows.append(row_M[:last][inside].astype(np.int32))
        at = np.concatenate(rows or [np.zeros(0, np.int32)]), np.concatenate(columns or [np.zeros(0, np.int32)])
        part = sparse.csr_matrix((np.ones(len(at[0]), np.float32), at), (len(some), _COLUMNS))
        part.sum_duplicates()
        part.data = 1 + np.log(part.data)
        parts.append(part)
    return sparse.vstack(parts, format="csr")


def pair_counts(first: Sequence[str], second: Sequence[str]) -> sparse.csr_matrix:
    """Return counts of pairs, float32 [N, 3 x columns]: n-grams in both texts, in the first, in the second only."""
    one, other = counts(first), counts(second)
    both = one.minimum(other)
    parts = [both, one - both, other - both]
    for part in parts:
        part.eliminate_zeros()
    return sparse.hstack(parts, format="csr")


def out_of_fold(features: Matrix, labels_N: np.ndarray, classes: int, fold_N: np.ndarray, seed: int) -> np.ndarray:
    """Return probabilities [N, classes] of each row of `features` by a model that has not seen its fold.

    features: sparse counts of n-grams, or dense numbers, float32 [N, D]. fold_N: the fold of each row. A class without
    rows in the other folds gets nan.
    """
    scores_NC = np.full((features.shape[0], classes), np.nan)
    # Many short products: threads that wait for each other took 50 s instead of 1 s where another program used a core.
    with threadpool_limits(limits=1):
        _fill(scores_NC, features, labels_N, fold_N, seed)
    return scores_NC


def _fill(scores_NC: np.ndarray, features: Matrix, labels_N: np.ndarray, fold_N: np.ndarray, seed: int) -> None:
    """Write the scores of every fold, see `out_of_fold`."""
    classes = scores_NC.shape[1]
    for fold in np.unique(fold_N):
        held, rest = np.flatnonzero(fold_N == fold), np.flatnonzero(fold_N != fold)
        rest = numpy_generator(seed, "audit rows", int(fold)).permutation(rest)[: _MOST_ROWS // classes]
        seen = np.unique(labels_N[rest])
        if len(seen) < 2:
            scores_NC[np.ix_(held, seen)] = 1.0
            continue
        model = _Model(features[rest], labels_N[rest])
        for start in range(0, len(held), _PORTION):
            some = held[start : start + _PORTION]
            scores_NC[np.ix_(some, seen)] = model.scores(features[some])


class _Model:
    """Logistic regression on rows; with many classes on their leading singular directions, where a step costs less."""

    def __init__(self, features: Matrix, labels_N: np.ndarray):
        self.weight_G = _inverse(features) if sparse.issparse(features) else None
        rows = self._weighted(features)
        few = len(np.unique(labels_N)) <= _FEW_CLASSES
        self.turn = None if few else _directions(rows, min(_DIRECTIONS, len(labels_N) - 1))
        if few:
            self.linear = SGDClassifier(
                loss="log_loss", alpha=_PENALTY / len(labels_N), max_iter=_PASSES, tol=None, random_state=0
            )
        else:
            rows = self.turn(rows)
            self.linear = LogisticRegression(C=_STRENGTH, max_iter=_STEPS)
        with warnings.catch_warnings():  # an early stop moves no ranking
            warnings.simplefilter("ignore")
            self.linear.fit(rows, labels_N)

    def scores(self, features: Matrix) -> np.ndarray:
        """Return probabilities [N, classes seen]."""
        rows = self._weighted(features)
        return self.linear.predict_proba(rows if self.turn is None else self.turn(rows))

    def _weighted(self, features: Matrix) -> Matrix:
        """Return rows of length 1, counts weighted."""
        if self.weight_G is None:
            return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
        rows = features.copy()
        rows.data *= self.weight_G[rows.indices]
        length_N = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        return (sparse.diags((1 / np.maximum(length_N, 1e-9)).astype(np.float32)) @ rows).tocsr()


def _directions(rows: Matrix, count: int) -> Callable[[Matrix], np.ndarray]:
    """Return what turns rows onto the `count` leading singular directions of these; of dense rows the exact ones."""
    if sparse.issparse(rows):
        svd = TruncatedSVD(count, n_iter=2, random_state=0).fit(_narrow(rows))
        return lambda some: svd.transform(_narrow(some))
    turn_DK = np.linalg.eigh(rows.T @ rows)[1][:, -count:]
    return lambda some: some @ turn_DK


def _narrow(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the rows with columns hashed into fewer ones: singular directions are then found much faster."""
    column = (mix(rows.indices.astype(np.uint64) + np.uint64(1)) % np.uint64(_NARROW)).astype(np.int32)
    return sparse.csr_matrix((rows.data, column, rows.indptr), (rows.shape[0], _NARROW))


def _inverse(features: sparse.csr_matrix) -> np.ndarray:
    """Return the inverse document frequency of each column, as in scikit-learn."""
    present_G = np.bincount(features.indices, minlength=features.shape[1])
    return (np.log((1 + features.shape[0]) / (1 + present_G)) + 1).astype(np.float32)
