"""Clusters of vectors, and one row for each: what strategies that spread over the unlabelled rows share."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from headstart.core.seeds import key

_STEPS = 50


def cluster(vectors_ND: np.ndarray, count: int, *, seed: int, weight_N: np.ndarray | None = None) -> np.ndarray:
    """Return the cluster of each row, int64 [N], by k-means from k-means++ seeds (Arthur & Vassilvitskii 2007).

    weight_N: how much each row counts. Fewer clusters than `count` where fewer rows differ.
    """
    return _fitted(vectors_ND, count, seed, weight_N).labels_.astype(np.int64)


def central_rows(vectors_ND: np.ndarray, count: int, *, seed: int, weight_N: np.ndarray | None = None) -> np.ndarray:
    """Return `count` different rows, each the one nearest to the centre of a cluster, the heaviest cluster first.

    weight_N: see `cluster`. Where fewer rows differ than are asked for, the heaviest of the others follow.
    """
    means = _fitted(vectors_ND, count, seed, weight_N)
    weight_N = np.ones(len(vectors_ND)) if weight_N is None else weight_N
    distance_N = np.linalg.norm(vectors_ND - means.cluster_centers_[means.labels_], axis=1)
    nearest = np.lexsort((distance_N, means.labels_))
    found, first = np.unique(means.labels_[nearest], return_index=True)
    mass = np.bincount(means.labels_, weights=weight_N)[found]
    chosen = nearest[first][np.argsort(-mass, kind="stable")]
    others = np.setdiff1d(np.argsort(-weight_N, kind="stable"), chosen, assume_unique=True)
    return np.concatenate([chosen, others])[:count]


def _fitted(vectors_ND: np.ndarray, count: int, seed: int, weight_N: np.ndarray | None) -> KMeans:
    number = int(key(seed, "clusters") & np.uint64(0x7FFFFFFF))
    means = KMeans(min(count, len(vectors_ND)), n_init=1, max_iter=_STEPS, random_state=number)
    # One thread: the sums of several threads depend on how many there are.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer rows differ than clusters are asked for
        return means.fit(vectors_ND, sample_weight=weight_N)
