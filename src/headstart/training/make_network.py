"""Chooses how a network is run: by one process or several, its layers computed once or twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from headstart.core import ranks
from headstart.core.contracts import Backbone, Objective
from headstart.core.errors import HeadstartError
from headstart.nn.synchronised_norm import synchronise
from headstart.training.parallel import Network, Replicated
from headstart.training.plan import TrainPlan


def make_network(objective: Objective, backbone: Backbone, plan: TrainPlan) -> Network:
    """Return the network as the plan says that ranks run it; its parameters may be others afterwards.

    Raises HeadstartError: what cannot be recomputed or spread.
    """
    if plan.recompute:
        _recompute(backbone)
    if ranks.world() == 1:
        return Network(objective, backbone)
    synchronise(backbone)
    synchronise(objective)
    if plan.parallel == "ddp":
        return Replicated(objective, backbone)
    if not objective.steady:
        raise HeadstartError(
            "training.parallel=fsdp: this objective calls the network once for each kind of samples in a batch, which "
            "ranks cannot do in step; take training.parallel=ddp"
        )
    if not plan.optimizer.elementwise:
        raise HeadstartError(
            f"training.parallel=fsdp: optimizer {plan.optimizer.name} needs whole matrices, and each rank holds a part "
            "of them; take training.optimizer=adamw or training.parallel=ddp"
        )
    from headstart.training.sharded import Sharded  # takes a second to import

    return Sharded(objective, backbone)


def _recompute(backbone: Backbone) -> None:
    """Let every layer be computed again in the backward pass (Chen et al. 2016, arXiv:1604.06174)."""
    layers = backbone.layer_modules()
    if not layers:
        raise HeadstartError("training.recompute: this backbone has no layers that could be computed again")
    if any(isinstance(part, _BatchNorm) for layer in layers for part in layer.modules()):
        raise HeadstartError(
            "training.recompute: this backbone has batch norms, whose statistics would count every batch twice"
        )
    for layer in layers:
        if "forward" in vars(layer):  # by an earlier fit
            continue
        layer.forward = partial(_in_two_passes, layer.forward)


def _in_two_passes(forward: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*arguments, **named)
    return checkpoint(forward, *arguments, use_reentrant=False, **named)
