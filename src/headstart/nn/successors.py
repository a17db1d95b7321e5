"""Which token follows which, as vectors: a bigram model in closed form, from which a causal network can begin.

Absolute discounting (Ney, Essen & Kneser 1994) gives p(v | u) = (c_uv - d) / c_u + d t_u / c_u p(v) for a pair that was
seen, without its first term for one that was not; c: counts, t_u: how many different tokens follow u. So

    log p(v | u) = log p(v) + x_uv + (what depends on u alone, which a softmax does not see),
    x_uv = log(1 + (c_uv - d) / (d t_u p(v))), which is 0 for every pair never seen,

and the sparse x is approximated by left_u . right_v, errors weighted by how often u and v occur.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from headstart.nn.ritz import ritz

_DISCOUNT = 0.75
_MOST = 128  # parts: more take longer to find than the steps that they save
_EXTRA, _ROUNDS = 10, 2  # directions beyond those asked for, and rounds of subspace iteration


class Successors(NamedTuple):
    """left_VK, right_VK: see above, float32. share_V: of the tokens that each is, float32, none 0."""

    left_VK: Tensor
    right_VK: Tensor
    share_V: Tensor


def successors(counts: sparse.csr_matrix, rank: int, seed: int = 0) -> Successors:
    """Return vectors of K = min(rank, V, 128) parts; counts [V, V]: how often v came next after u."""
    pairs = counts.tocoo()
    before_V = np.asarray(counts.sum(1)).ravel() + 0.5
    after_V = np.asarray(counts.sum(0)).ravel() + 0.5
    share_V = after_V / after_V.sum()
    kinds_V = np.maximum(np.diff(counts.indptr), 1)
    value_P = np.log1p((pairs.data - _DISCOUNT) / (_DISCOUNT * kinds_V[pairs.row] * share_V[pairs.col]))
    root_left, root_right = np.sqrt(before_V), np.sqrt(after_V)
    value_P = value_P * root_left[pairs.row] * root_right[pairs.col]
    weighted = sparse.csr_matrix((value_P.astype(np.float32), (pairs.row, pairs.col)), counts.shape)
    left, right = _factors(weighted, min(rank, counts.shape[0], _MOST), seed)
    parts = (left / root_left[:, None], right / root_right[:, None], share_V)
    return Successors(*(torch.from_numpy(part.astype(np.float32)) for part in parts))


def _factors(matrix: sparse.csr_matrix, rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return L [M, rank] and R [N, rank] with L R' the best approximation of a matrix, or nearly, of equal lengths.

    By randomised subspace iteration (Halko, Martinsson & Tropp, SIAM Review 2011, algorithm 4.4).
    """
    wide = min(rank + _EXTRA, matrix.shape[1])
    space = np.random.default_rng(seed).standard_normal((matrix.shape[1], wide), dtype=np.float32)
    for _ in range(_ROUNDS):
        space = np.linalg.qr(matrix.T @ (matrix @ space))[0]
    image = matrix @ space
    turn, strength = (found.numpy() for found in ritz(torch.from_numpy(image), rank))
    root = np.sqrt(np.maximum(strength, 1e-6))
    # image turn = U S, so that L = U S^.5 and R = V S^.5
    return image @ (turn / root), (space @ turn) * root
