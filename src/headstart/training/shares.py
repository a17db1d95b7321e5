"""What each rank learns from: its share of the batch that one process would read, corrupted as there.

Every rank reads the whole batch of a number (order and content are functions of the seed) and keeps a row of samples
that follow each other, of about equally many tokens, so that the shares of all ranks in their order are the batch. What
is hidden depends on (seed, epoch, sample) alone for most objectives: they corrupt their share. Where samples are mixed
(`Objective.alone` is False: next sentences) every rank corrupts the whole batch and keeps its share of the outcome.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from headstart.core import ranks
from headstart.core.batch import Batch, TokenBatch
from headstart.core.contracts import Objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom


class Share(NamedTuple):
    """whole: the batch as it was read, of all ranks together; corrupted: what this rank learns from; idle: that is a
    stand-in, because nothing of the batch fell to this rank."""

    whole: Batch
    corrupted: Batch
    idle: bool = False


def own_rows(cost_B: Tensor, rank: int, world: int) -> Tensor:
    """Return the samples of a rank, int64 [R] in rising order: those whose middle lies in its part of all costs.

    Whole numbers, so that every machine agrees; samples of equal cost always go to the same ranks.
    """
    twice_B = 2 * cost_B.cumsum(0) - cost_B
    total = max(int(cost_B.sum()), 1)
    owner_B = (twice_B * world // (2 * total)).clamp(max=world - 1)
    return (owner_B == rank).nonzero()[:, 0]


def share_of(
    whole: Batch, objective: Objective, random: KeyedRandom, *, progress: float = 1.0, training: bool = True
) -> Share:
    """Return this rank's share of a batch, corrupted; alone it is the batch.

    Raises HeadstartError: running text in fewer streams than there are ranks; see `Batch.rows`.
    """

    def corrupt(batch: Batch) -> Batch:
        return objective.corrupt(batch, random, progress=progress, training=training)

    world, rank = ranks.world(), ranks.rank()
    if world == 1:
        return Share(whole, corrupt(whole))
    if isinstance(whole, TokenBatch) and whole.continues and whole.size < world:
        raise HeadstartError(
            f"batches.stateful: {whole.size} streams of text for {world} processes; set batches.tokens larger, or "
            "start fewer"
        )
    if not objective.alone:
        mixed = corrupt(whole)
        own = own_rows(mixed.costs(), rank, world)
        if len(own) or not mixed.units:  # where nobody has anything, all do the same with nothing
            return Share(whole, objective.share(mixed, own))
        return Share(whole, objective.share(mixed, mixed.costs().argmax()[None]), idle=True)
    share = corrupt(whole.rows(own_rows(whole.costs(), rank, world)))
    if share.units:
        return Share(whole, share)
    for row in range(whole.size):
        stand_in = corrupt(whole.rows(torch.tensor([row])))
        if stand_in.units:
            return Share(whole, stand_in, idle=True)
    return Share(whole, share)
