"""What a fit of a network knows before its first step: which layers learn, and how long a step takes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Head, Objective
from headstart.data.batches import BatchSource
from headstart.training.events import Event
from headstart.training.loop import Stop, fit, start_state
from headstart.training.plan import TrainPlan

_TIMED = 4  # steps, the first of which is not counted


def learning_layers(backbone: Backbone, head: Head, batch: Batch) -> list[list[torch.nn.Parameter]]:
    """Return the parameters that get a gradient, by layer from input to output; freeze all other parameters.

    A head on token outputs gives the pooler no gradient, and a head on an encoder gives the decoder none; a stage for
    such a layer would train nothing. batch: any pieces. Batch norms are only read: one piece is no batch, and its
    statistics must not enter the running ones.
    """
    norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm) and module.training]
    for norm in norms:
        norm.eval()
    with torch.random.fork_rng(devices=[]):
        head.score(backbone, batch.to(next(backbone.parameters()).device)).total.backward()
    for norm in norms:
        norm.train()
    layers = [[parameter for parameter in group if parameter.grad is not None] for group in backbone.groups()]
    for parameter in backbone.parameters():
        parameter.requires_grad_(parameter.grad is not None)
        parameter.grad = None
    head.zero_grad()
    return [layer for layer in layers if layer]


def seconds_per_step(
    objective: Objective, backbone: Backbone, batches: BatchSource, plan: TrainPlan, most: float
) -> float:
    """Return how long a step of this plan takes, from a few steps, which change the weights.

    most: seconds for the trial, which makes one step at least.
    """
    ends: list[float] = []

    def told(event: Event) -> None:
        if event.kind == "step":
            ends.append(event.seconds)

    trial = replace(plan, steps=_TIMED, seconds=most)
    fit(start_state(objective, backbone, trial), batches, trial, [told], stop=Stop())
    return ends[0] if len(ends) == 1 else (ends[-1] - ends[0]) / (len(ends) - 1)
