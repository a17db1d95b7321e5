"""nn/successors: vectors of what follows what, against the bigram model they stand for."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from headstart.nn.successors import _DISCOUNT, successors


def counted(size: int = 40, pairs: int = 3_000) -> sparse.csr_matrix:
    """Return counts of pairs in which a few tokens follow each token."""
    random = np.random.default_rng(0)
    before = random.integers(0, size - 1, pairs)  # the last one is never followed
    after = (before * 7 + random.integers(0, 5, pairs) ** 2) % size
    return sparse.coo_matrix((np.ones(pairs, np.float32), (before, after)), (size, size)).tocsr()


def discounted(counts: sparse.csr_matrix) -> np.ndarray:
    """Return p(v | u) by absolute discounting, the plain way."""
    count_VV = counts.toarray().astype(np.float64)
    after_V = count_VV.sum(0) + 0.5
    share_V = after_V / after_V.sum()
    chance_VV = np.tile(share_V, (len(share_V), 1))
    for token, row_V in enumerate(count_VV):
        if row_V.sum():
            kinds = (row_V > 0).sum()
            chance_VV[token] = (np.maximum(row_V - _DISCOUNT, 0) + _DISCOUNT * kinds * share_V) / row_V.sum()
    return chance_VV


def test_with_all_parts_they_are_the_bigram_model():
    counts = counted()
    found = successors(counts, 40)
    logits_VV = found.share_V.log() + found.left_VK @ found.right_VK.T
    assert torch.allclose(logits_VV.softmax(1), torch.from_numpy(discounted(counts)).float(), atol=1e-4)


def test_with_fewer_parts_they_are_near_it_and_the_same_again():
    counts, true_VV = counted(), torch.from_numpy(discounted(counted()))
    weight_V = torch.from_numpy(np.asarray(counts.sum(1)).ravel()).double()

    def cost(found) -> float:
        logits_VV = (found.share_V.log() + found.left_VK @ found.right_VK.T).double()
        per_V = -(true_VV * logits_VV.log_softmax(1)).sum(1)
        return float(per_V @ weight_V / weight_V.sum())

    costs = [cost(successors(counts, rank)) for rank in (1, 5, 20, 40)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] - costs[2] > 0.3
    one, two = successors(counts, 5, seed=3), successors(counts, 5, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_tokens_that_never_occur_have_a_share():
    counts = sparse.coo_matrix((np.ones(1, np.float32), ([0], [1])), (4, 4)).tocsr()
    found = successors(counts, 3)
    assert (found.share_V > 0).all()
    assert torch.isfinite(found.left_VK).all()
    assert torch.isfinite(found.right_VK).all()
