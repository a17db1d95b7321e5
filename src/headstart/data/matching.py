"""Retrieval by cosine: the best candidate for each item, and the rank of the first candidate that is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from headstart.core.examples import ImageRef

_BLOCK = 1_024  # rows compared with all candidates at once


class Match(NamedTuple):
    """text: the best candidate; score: its cosine, at most 1; rank: of the right candidate, from 1, or of the first one
    where several are right; None where it is not known which are."""

    text: str | ImageRef
    score: float
    rank: int | None


def best_matches(
    first_ND: np.ndarray | sparse.csr_matrix, second_ND: np.ndarray | sparse.csr_matrix, texts: Sequence[Any]
) -> list[Match]:
    """Return the match of each row among the different `texts` [N], whose unit vectors are `second_ND`, by cosine.

    The rank counts all candidates with at least the cosine of the right one: ties count against it. Time grows with N
    times the number of different texts, memory with the number of different texts.
    """
    number: dict[Any, int] = {}
    own_N = np.array([number.setdefault(text, len(number)) for text in texts], np.int64)
    _, places = np.unique(own_N, return_index=True)
    among, candidates_CD = list(number), second_ND[places]
    found = []
    for start in range(0, len(texts), _BLOCK):
        cosine_BC = _dense(first_ND[start : start + _BLOCK] @ candidates_CD.T)
        own_B = cosine_BC[np.arange(len(cosine_BC)), own_N[start : start + _BLOCK]]
        rank_B, best_B = (cosine_BC >= own_B[:, None]).sum(axis=1), cosine_BC.argmax(axis=1)
        found += [
            Match(among[best], float(row_C[best]), int(rank)) for row_C, best, rank in zip(cosine_BC, best_B, rank_B)
        ]
    return found


def class_matches(
    vectors_ND: np.ndarray | sparse.csr_matrix, labels_N: np.ndarray | None, items: Sequence[Any]
) -> list[Match]:
    """Return the match of each of N >= 2 items among the others, whose unit vectors are `vectors_ND`, by cosine.

    Right are the others of its class; the rank is that of the first one (recall@k of metric learning: Oh Song et al.
    2016, arXiv:1511.06452), ties with others count against it, and it is N where there is no other of its class. No
    labels: no ranks.
    """
    found = []
    for start in range(0, len(items), _BLOCK):
        cosine_BN = np.array(_dense(vectors_ND[start : start + _BLOCK] @ vectors_ND.T), np.float64)
        own_B = np.arange(len(cosine_BN))
        cosine_BN[own_B, start + own_B] = -np.inf
        best_B = cosine_BN.argmax(axis=1)
        scores_B = cosine_BN[own_B, best_B].tolist()
        if labels_N is None:
            ranks: list[int | None] = [None] * len(own_B)
        else:
            right_BN = labels_N[start : start + _BLOCK, None] == labels_N
            right_BN[own_B, start + own_B] = False
            first_B1 = np.where(right_BN, cosine_BN, -np.inf).max(axis=1, keepdims=True)
            rank_B = 1 + (~right_BN & (cosine_BN >= first_B1)).sum(axis=1)
            ranks = np.where(right_BN.any(axis=1), rank_B, len(items)).tolist()
        found += [Match(items[best], score, rank) for best, score, rank in zip(best_B, scores_B, ranks)]
    return found


def _dense(matrix: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix
