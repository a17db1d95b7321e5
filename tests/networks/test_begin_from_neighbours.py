"""networks/neighbours: an untrained masked language model that predicts from the two tokens beside each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from headstart.backbones.modernbert import ModernBertSpec
from headstart.core.batch import make_batch
from headstart.core.shapes import TokenShape
from headstart.networks.neighbours import neighbour_rank
from headstart.nn.successors import successors

SIZE, MASK = 60, 0


def chain(count: int, seed: int) -> np.ndarray:
    """Return tokens of which each is followed by one of two."""
    random, found = np.random.default_rng(seed), [1]
    for _ in range(count - 1):
        found.append(1 + (found[-1] * 5 + int(random.integers(0, 2)) * 17) % (SIZE - 1))
    return np.array(found)


def begun(width: int, heads: int):
    """Return (network, output) that know the chain."""
    torch.manual_seed(0)
    spec = ModernBertSpec(width=width, heads=heads, depth=2, mlp_width=32)
    network = spec.build(TokenShape(SIZE))
    output = network.prediction_head()
    ids = chain(20_000, 0)
    pairs = sparse.coo_matrix((np.ones(len(ids) - 1, np.float32), (ids[:-1], ids[1:])), (SIZE, SIZE)).tocsr()
    output.start_from(torch.from_numpy(np.bincount(ids, minlength=SIZE)).double())
    network.begin_from_pairs(output, "masked", lambda rank: successors(pairs, rank))
    return network.eval(), output


def loss(network, output, ids: np.ndarray, place: int) -> tuple[float, float]:
    """Return the mean loss and the share of right answers where one token of every row of nine is hidden."""
    rows = ids[: len(ids) // 9 * 9].reshape(-1, 9).copy()
    true_M = torch.from_numpy(rows[:, place].copy())
    rows[:, place] = MASK
    with torch.no_grad():
        features = network(make_batch(list(rows)))
        logits_MV = output(features.last_BTD[:, place], network.words_VD)
    right = (logits_MV.argmax(1) == true_M).double().mean()
    return float(torch.nn.functional.cross_entropy(logits_MV, true_M)), float(right)


@pytest.mark.parametrize(("width", "heads"), [(64, 2), (96, 3), (128, 4)])
def test_a_hidden_token_is_predicted_from_both_sides(width, heads):
    network, output = begun(width, heads)
    ids = chain(4_500, 1)
    share_V = np.bincount(chain(20_000, 0), minlength=SIZE) / 20_000
    unigram = -float(np.log(share_V[ids]).mean())
    inside, right = loss(network, output, ids, 4)
    assert inside < unigram - 1.0
    assert right > 0.6
    first, _ = loss(network, output, ids, 0)  # with a neighbour on one side only
    last, _ = loss(network, output, ids, 8)
    assert inside < min(first, last)
    assert max(first, last) < unigram


def test_half_of_the_heads_look_before_and_half_behind():
    network, _ = begun(128, 4)
    batch = make_batch(list(chain(900, 2).reshape(-1, 9)))
    with torch.no_grad():
        map_BHTT = network(batch, attention=True).attention[0]
    before = map_BHTT.diagonal(-1, 2, 3).mean((0, 2))
    behind = map_BHTT.diagonal(1, 2, 3).mean((0, 2))
    assert before.tolist() == pytest.approx([1, 1, 0, 0], abs=0.15)
    assert behind.tolist() == pytest.approx([0, 0, 1, 1], abs=0.15)


def test_one_head_sees_one_side_and_begins_as_ever():
    assert neighbour_rank(64, 1) == 0
    assert neighbour_rank(64, 2) == 31
    assert neighbour_rank(96, 3) == 32
    assert neighbour_rank(320, 5) == 128
