"""How the ranks run one network: by one process, or a copy on each rank (DDP); spread weights are in `sharded.py`.

torch's DistributedDataParallel (Li et al. 2020, arXiv:2006.15704) and FSDP2 average gradients over ranks, so that the
loss of each rank, which is a part of the whole, is multiplied by their number (`terms.py`).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from headstart.core import ranks
from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Loss, Objective

_BUCKET = 25 << 20  # bytes of gradients that are summed in one message


class Network:
    """Objective and backbone as one process runs them. parameters: of both, those of the backbone first."""

    def __init__(self, objective: Objective, backbone: Backbone) -> None:
        self.objective, self.backbone = objective, backbone
        self.parameters = parameters_of(objective, backbone)

    def score(self, batch: Batch, phase: str = "") -> Loss:
        """Return the loss of a corrupted batch, in a phase of an objective that has several."""
        if not phase or len(self.objective.phases) == 1:
            return self.objective(self.backbone, batch)
        return self.objective(self.backbone, batch, phase)

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Let gradients of several backward passes add up on each rank; `settle` brings them together."""
        yield

    def settle(self) -> None:
        """Average over the ranks what `apart` kept on each."""

    def whole(self, value: Tensor, *, to_cpu: bool = False) -> Tensor:
        """Return a tensor of weights, moments or norms whole where ranks hold parts of it; all ranks ask together.

        to_cpu: what had to be put together is returned on the CPU; a device may have no room for all tensors.
        """
        return value

    def part_like(self, value: Tensor, like: Tensor) -> Tensor:
        """Return this rank's part of a whole tensor, spread as `like` is."""
        return value


def parameters_of(objective: Objective, backbone: Backbone) -> list[nn.Parameter]:
    """Return the parameters of both, those of the backbone first."""
    return [parameter for part in (backbone, objective) for parameter in part.parameters()]


class Both(nn.Module):
    """Objective and backbone as one module, since torch looks at the calls of one."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.objective, self.backbone = network.objective, network.backbone
        self.network = network

    def forward(self, batch: Batch, phase: str) -> tuple[dict[str, Tensor], Loss]:
        """Return the totals by name, where torch finds them, and the loss they are of."""
        loss = Network.score(self.network, batch, phase)
        totals = {name: term.total for name, term in loss.terms.items()}
        if torch.is_grad_enabled() and not any(total.requires_grad for total in totals.values()):
            anchor = next(p for p in self.parameters() if p.requires_grad)
            totals = {name: total + anchor.sum() * 0.0 for name, total in totals.items()}
        return totals, loss


def put_together(totals: Mapping[str, Tensor], loss: Loss) -> Loss:
    """Return the loss with the totals that torch handed on."""
    return replace(loss, terms={name: term._replace(total=totals[name]) for name, term in loss.terms.items()})


class Replicated(Network):
    """A copy of the network on each rank."""

    def __init__(self, objective: Objective, backbone: Backbone) -> None:
        super().__init__(objective, backbone)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 renames broadcast_buffers
            # Which parameters a batch reaches may differ from rank to rank. Buffers follow from what is summed already.
            self.copy = DistributedDataParallel(Both(self), find_unused_parameters=True, broadcast_buffers=False)

    def score(self, batch: Batch, phase: str = "") -> Loss:
        """See `Network.score`."""
        if not torch.is_grad_enabled():
            return super().score(batch, phase)
        return put_together(*self.copy(batch, phase))

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """See `Network.apart`."""
        with self.copy.no_sync():
            yield

    def settle(self) -> None:
        """See `Network.settle`; a parameter without a gradient on every rank stays without."""
        trained = [p for p in self.parameters if p.requires_grad]
        reached = ranks.exchanged([p.grad is not None for p in trained]).sum(0).tolist()
        chosen = [parameter for parameter, times in zip(trained, reached) if times]
        for parameter in chosen:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([parameter.grad for parameter in chosen]):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            flat /= ranks.world()
            for gradient, part in zip(bucket, flat.split([gradient.numel() for gradient in bucket])):
                gradient.copy_(part.view_as(gradient))


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        if bucket and (
            gradient.dtype != bucket[0].dtype or sum(one.nbytes for one in bucket) + gradient.nbytes > _BUCKET
        ):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket
