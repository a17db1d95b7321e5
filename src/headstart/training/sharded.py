"""The weights of a network spread over ranks: FSDP2, torch's `fully_shard`.

Rajbhandari et al. 2020, arXiv:1910.02054; Zhao et al. 2023, arXiv:2304.11277.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from headstart.core import ranks
from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.device import pick_device
from headstart.training.parallel import Both, Network, parameters_of, put_together


class Sharded(Network):
    """Each rank holds its part of every weight; a layer is put together while it computes, the rest of the model
    throughout."""

    def __init__(self, objective: Objective, backbone: Backbone) -> None:
        super().__init__(objective, backbone)
        mesh = init_device_mesh(pick_device().type, (ranks.world(),))
        for layer in backbone.layer_modules():
            fully_shard(layer, mesh=mesh)
        self.spread = fully_shard(Both(self), mesh=mesh)
        self.parameters = parameters_of(objective, backbone)  # others than before

    def score(self, batch: Batch, phase: str = "") -> Loss:
        """See `Network.score`."""
        scored = put_together(*self.spread(batch, phase))
        if not torch.is_grad_enabled():  # else the backward pass takes apart what the forward pass put together
            self.spread.reshard()
        return scored

    def whole(self, value: Tensor, *, to_cpu: bool = False) -> Tensor:
        """See `Network.whole`."""
        if not isinstance(value, DTensor):
            return value
        found = value.full_tensor()
        return found.cpu() if to_cpu else found

    def part_like(self, value: Tensor, like: Tensor) -> Tensor:
        """See `Network.part_like`; every rank holds the whole one, so that nothing is sent."""
        if not isinstance(like, DTensor):
            return value
        return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
