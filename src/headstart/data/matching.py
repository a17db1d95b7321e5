"""Which of many texts fits each text best, and what place its own one has: the answers of task retrieve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

_BLOCK = 1_024  # rows compared with all texts at once


class Match(NamedTuple):
    """text: the one that fits best; score: how well, at most 1; rank: the place of the row's own text, from 1."""

    text: str
    score: float
    rank: int


def best_matches(
    first_ND: np.ndarray | sparse.csr_matrix, second_ND: np.ndarray | sparse.csr_matrix, texts: Sequence[str]
) -> list[Match]:
    """Return the match of each row among the different `texts` [N], whose unit vectors are `second_ND`, by cosine.

    Rank counts every text that fits at least as well as the row's own: ties are never in its favour. Time grows with N
    times the number of different texts, memory with the latter.
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
