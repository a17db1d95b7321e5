"""Mixup: the vectors of two samples and their targets are mixed (Zhang et al. 2018, arXiv:1710.09412).

Of sentence vectors: Guo et al. 2019, arXiv:1905.08941. One share is drawn for a whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from headstart.core.batch import Batch
from headstart.core.contracts import Loss
from headstart.core.seeds import KeyedRandom


def draw_partners(batch: Batch, random: KeyedRandom, alpha: float) -> Batch:
    """Return the batch with the partner of each sample and the share that a sample keeps of itself.

    extra gets `partner_B`, the place of the partner in the batch, and `share_1`, drawn from Beta(alpha, alpha).
    """
    sample_B = batch.sample_B.numpy()
    # A permutation by random keys: every sample is the partner of one sample.
    partner_B = np.argsort(random.uniform("partner", sample_B), kind="stable")
    share_1 = betaincinv(alpha, alpha, random.uniform("share", sample_B[:1]))
    drawn = {"partner_B": torch.from_numpy(partner_B), "share_1": torch.from_numpy(share_1)}
    return replace(batch, extra=batch.extra | drawn)


def mix(vectors: Tensor, batch: Batch) -> Tensor:
    """Return vectors [B, D] mixed with those of their partners; unchanged where no partners were drawn."""
    if "partner_B" not in batch.extra:
        return vectors
    share = float(batch.extra["share_1"])
    return share * vectors + (1 - share) * vectors[batch.extra["partner_B"]]


def mixed_loss(loss_of: Callable[[Batch], Loss], batch: Batch) -> Loss:
    """Return the weighted mean of the losses against the own targets and the partners' targets.

    loss_of: the loss of a batch by the targets in its `extra` (names that end in _B).
    """
    own = loss_of(batch)
    if "partner_B" not in batch.extra:
        return own
    partner_B, share = batch.extra["partner_B"], float(batch.extra["share_1"])
    swapped = {name: value[partner_B] for name, value in batch.extra.items() if name.endswith("_B")}
    other = loss_of(replace(batch, extra=swapped))
    return Loss.of(share * own.total + (1 - share) * other.total, own.count, own.parts)
