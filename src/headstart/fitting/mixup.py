"""Mixup and CutMix: two samples and their targets are mixed, as vectors or as a rectangle of one in the other.

Mixup: Zhang et al. 2018 (arXiv:1710.09412); of sentence vectors Guo et al. 2019 (arXiv:1905.08941). CutMix: Yun et al.
2019 (arXiv:1905.04899). One share, and one rectangle, is drawn for a whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from headstart.core.batch import Batch, ImageBatch
from headstart.core.contracts import Loss
from headstart.core.seeds import KeyedRandom
from headstart.images.policy import draw_cut, inside

_CUT = "cut_14"


def draw_partners(batch: Batch, random: KeyedRandom, alpha: float) -> Batch:
    """Return the batch with the partner of each sample and the share that a sample keeps of itself.

    extra gets `partner_B`, the place of the partner in the batch, and `share_1`, drawn from Beta(alpha, alpha).
    """
    share_1 = betaincinv(alpha, alpha, random.uniform("share", batch.sample_B.numpy()[:1]))
    drawn = {"partner_B": _partners(batch, random), "share_1": torch.from_numpy(share_1)}
    return replace(batch, extra=batch.extra | drawn)


def draw_cuts(batch: ImageBatch, random: KeyedRandom, share: float) -> ImageBatch:
    """Return the batch with the rectangle that each image gets from its partner; `share` of batches: the others are
    returned unchanged.

    extra gets `partner_B` and `share_1` as of `draw_partners`, and the rectangle, `cut_14`.
    """
    if random.uniform("cut", batch.sample_B.numpy()[:1])[0] >= share:
        return batch
    cut_14, kept = draw_cut(random, batch)
    drawn = {"partner_B": _partners(batch, random), "share_1": torch.tensor([kept]), _CUT: cut_14}
    return replace(batch, extra=batch.extra | drawn)


def _partners(batch: Batch, random: KeyedRandom) -> Tensor:
    """Return a permutation by random keys: every sample is the partner of one sample."""
    return torch.from_numpy(np.argsort(random.uniform("partner", batch.sample_B.numpy()), kind="stable"))


def cut_in(batch: ImageBatch) -> ImageBatch:
    """Return the batch with the rectangles of the partners in its images; unchanged where none was drawn."""
    if _CUT not in batch.extra:
        return batch
    image = batch.pixels_BCHW
    inside_1HW = inside(batch.extra[_CUT], *image.shape[2:])
    return replace(batch, pixels_BCHW=torch.where(inside_1HW, image[batch.extra["partner_B"]], image))


def mix(vectors: Tensor, batch: Batch) -> Tensor:
    """Return vectors [B, D] mixed with those of their partners; unchanged where none were drawn or images are cut."""
    if "partner_B" not in batch.extra or _CUT in batch.extra:
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
