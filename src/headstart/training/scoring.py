"""The score of held-out batches, over all ranks the same as over one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from headstart.core import ranks
from headstart.core.batch import Batch
from headstart.core.device import compute
from headstart.core.seeds import KeyedRandom
from headstart.training.parallel import Network
from headstart.training.shares import share_of
from headstart.training.terms import going_on

_COUNT = ""  # beside the names of parts: the targets that they are weighted by


@torch.no_grad()
def evaluate(
    network: Network, held_out: Sequence[Batch], seed: int, dtype: torch.dtype
) -> tuple[float, dict[str, float]]:
    """Return (loss, parts weighted by targets) on held-out batches; the corruption is always the same.

    Each rank scores its share of every batch.
    """
    network.backbone.eval()
    network.objective.eval()
    device = network.parameters[0].device
    totals: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    parts: dict[str, float] = {}
    count = 0
    carry: tuple[Tensor, ...] = ()
    for whole in held_out:
        share = share_of(whole, network.objective, KeyedRandom(seed, -1), training=False)
        batch = going_on(share.corrupted.to(device), carry)
        with compute(dtype, device.type), ranks.standing_in(share.idle):
            scored = network.score(batch)
        carry = scored.carry
        if share.idle:
            continue
        for name, term in scored.live.items():
            totals[name] = totals.get(name, 0.0) + term.total.double()
            counts[name] = counts.get(name, 0) + term.count
        for name, value in scored.parts.items():
            parts[name] = parts.get(name, 0.0) + float(value) * scored.count
        count += scored.count
    network.backbone.train()
    network.objective.train()
    numbers = [{name: float(value) for name, value in found.items()} for found in (totals, counts, parts)]
    totals, counts, parts = map(_added, zip(*ranks.of_every([*numbers[:2], numbers[2] | {_COUNT: count}])))
    count = parts.pop(_COUNT)
    loss = sum(totals[name] / counts[name] for name in totals) if totals else math.nan
    return loss, {name: value / max(count, 1) for name, value in parts.items()}


def _added(found: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the sum over the ranks by name."""
    sums: dict[str, float] = {}
    for one in found:
        for name, value in one.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums
