"""Mixup: vectors and targets are mixed with the same partners and share, in training only, as a function of keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from supervised_setup import BASES, Setup
from torch.nn import functional as F

from headstart.core.seeds import KeyedRandom


@pytest.mark.parametrize("base", BASES)
def test_mixup_mixes_vectors_and_targets(base):
    setup = Setup(base, mixup=0.4)
    setup.objective.train()
    mixed = setup.corrupted()
    partner_B, share = mixed.extra["partner_B"], float(mixed.extra["share_1"])
    assert sorted(partner_B.tolist()) == list(range(12))
    assert 0 < share < 1
    layer = [module for module in setup.head.modules() if isinstance(module, torch.nn.Linear)][-1]
    seen = []
    hook = layer.register_forward_hook(lambda _module, given, _out: seen.append(given[0]))
    setup.logits()
    hook.remove()
    plain_BD = seen[0]
    logits = layer(share * plain_BD + (1 - share) * plain_BD[partner_B]).float()
    target_BC = F.one_hot(setup.batch.extra["label_B"], 2).double()
    target_BC = share * target_BC + (1 - share) * target_BC[partner_B]
    wanted = -(target_BC * logits.double().log_softmax(1)).sum()
    assert setup.loss(mixed).total.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert setup.loss(mixed).count == 12
    setup.objective.eval()
    assert setup.corrupted() is setup.batch


def test_mixup_is_a_function_of_seed_epoch_and_rows():
    setup = Setup("bag", mixup=0.4)

    def made(*keys, pieces=range(12)):
        extra = setup.objective.corrupt(setup.labelled.batch(np.array(pieces)), KeyedRandom(*keys)).extra
        return extra["partner_B"].tolist(), float(extra["share_1"])

    assert made(5, 0) == made(5, 0)
    assert len({str(made(*keys)) for keys in ((5, 0), (5, 1), (6, 0))} | {str(made(5, 0, pieces=range(1, 12)))}) == 4
    # The shares are of Beta(.4, .4): mean 1/2, variance 1 / (4 (2 * .4 + 1)).
    shares = [made(5, epoch)[1] for epoch in range(2_000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * 1.8), rel=0.06)
