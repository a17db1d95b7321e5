"""Retrieval by cosine: the best candidate for each item and the rank of the right candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

_BLOCK = 1_024  # rows compared with all candidates at once


class Match(NamedTuple):
    """text: the best candidate; score: its cosine, at most 1; rank: of the right candidate, from 1."""

    text: str
    score: float
    rank: int


def best_matches(
    first_ND: np.ndarray | sparse.csr_matrix, second_ND: np.ndarray | sparse.csr_matrix, texts: Sequence[str]
) -> list[Match]:
    """Return the match of each row among the different `texts` [N], whose unit vectors are `second_ND`, by cosine.

    The rank counts all candidates with at least the cosine of the right one: ties count against it. Time grows with N
    times the number of different texts, memory with the number of different texts.
    """
    number: dict[str, int] = {}
    own_N = np.array([number.setdefault(text, len(number)) for text in texts], np.int64)
    _, places = np.unique(own_N, return_index=True)
    among, candidates_CD = list(number), second_ND[places]
    found = []
    for start in range(0, len(texts), _BLOCK):
        cosine = first_ND[start : start + _BLOCK] @ candidates_CD.T
        cosine_BC = cosine.toarray() if sparse.issparse(cosine) else cosine
        own_B = cosine_BC[np.arange(len(cosine_BC)), own_N[start : start + _BLOCK]]
        rank_B, best_B = (cosine_BC >= own_B[:, None]).sum(axis=1), cosine_BC.argmax(axis=1)
        found += [
            Match(among[best], float(row_C[best]), int(rank)) for row_C, best, rank in zip(cosine_BC, best_B, rank_B)
        ]
    return found
