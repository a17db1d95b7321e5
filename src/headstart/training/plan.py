"""How long and how fast to train: the budget, the rate schedule tied to it, the optimizer's settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch
from torch import nn

from headstart.core.contracts import Backbone, Objective
from headstart.core.device import pick_compute_dtype, pick_device
from headstart.core.errors import HeadstartError
from headstart.core.spec import BackboneSpec, OptimizerSpec
from headstart.core.spec_base import Spec
from headstart.training.optimizers.adamw import DEFAULT
from headstart.training.schedules import learning_rate_factor


@dataclass(frozen=True, kw_only=True)
class TrainPlan(Spec):
    """What the loop needs to know besides the parts.

    steps, seconds: the budget, at least one; the first to be used up ends the run and drives the schedule.
    learning_rate: at its peak; learning_rate_embeddings: of embedding tables, learning_rate_fresh: of what the base of
    the run did not give, None = learning_rate. warmup, hold: shares of the budget spent rising and at the peak; then
    linear to `final` x peak. layer_decay: factor of the learning rate per group, output to input. optimizer: learning
    rates are stated for AdamW, other optimizers multiply them by `OptimizerSpec.learning_rate_multiple`. beta2: of
    Adam, AdamW and Muon. clip: largest gradient norm. accumulate: batches per step. dtype: of the computation, auto =
    measured. save_seconds, evaluate_seconds: the longest time between two checkpoints, between two evaluations;
    save_steps, evaluate_steps: the steps between two, instead of the time. prefetch: steps whose batches another thread
    makes ahead, None = 2 on an accelerator, 0 on a CPU. parallel: what each of several processes holds, ddp = the whole
    network, fsdp = its part of every weight. recompute: layers are computed again in the backward pass, which saves the
    memory of what they computed and costs about a third more time. wait_seconds: how long a full disk is waited for.
    """

    steps: int | None = None
    seconds: float | None = None
    learning_rate: float = 1e-3
    learning_rate_embeddings: float | None = None
    learning_rate_fresh: float | None = None
    warmup: float = 0.02
    hold: float = 0.4
    final: float = 0.03
    optimizer: OptimizerSpec = DEFAULT
    weight_decay: float = 0.01
    beta2: float = 0.98
    layer_decay: float = 1.0
    clip: float = 1.0
    accumulate: int = 1
    seed: int = 0
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    save_seconds: float = 60.0
    save_steps: int | None = None
    evaluate_seconds: float = 30.0
    evaluate_steps: int | None = None
    prefetch: int | None = None
    parallel: Literal["ddp", "fsdp"] = "ddp"
    recompute: bool = False
    wait_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.steps is None and self.seconds is None:
            raise HeadstartError("a training plan needs steps or seconds")
        rates = ("learning_rate", "learning_rate_embeddings", "learning_rate_fresh")
        positive = ("layer_decay", "clip", "accumulate", "save_seconds")
        for name in ("steps", "seconds", "save_steps", "evaluate_steps", *rates, *positive):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise HeadstartError(f"training.{name}={value}: must be larger than 0")
        for name in ("weight_decay", "evaluate_seconds", "prefetch", "wait_seconds", "seed"):
            if not (getattr(self, name) or 0) >= 0:
                raise HeadstartError(f"training.{name}={getattr(self, name)}: must be at least 0")
        for name in ("warmup", "hold", "final"):
            if not 0 <= getattr(self, name) <= 1:
                raise HeadstartError(f"training.{name}={getattr(self, name)}: must be a share between 0 and 1")
        if not 0 <= self.beta2 < 1:
            raise HeadstartError(f"training.beta2={self.beta2}: must be at least 0 and below 1")

    @classmethod
    def label(cls) -> str:
        """Return what the command line calls it."""
        return "training"

    def progress(self, step: int, seconds: float) -> float:
        """Return the used share of the budget, 0 to 1."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(step / self.steps)
        if self.seconds is not None:
            shares.append(seconds / self.seconds)
        return min(1.0, max(shares))

    def learning_rate_factor(self, progress: float) -> float:
        """Return the learning rate at `progress` as a share of its peak; see `schedules.py`."""
        return learning_rate_factor(progress, warmup=self.warmup, hold=self.hold, final=self.final)


def measured_dtype(spec: BackboneSpec) -> Literal["fp32", "bf16"]:
    """Return the number format that `auto` stands for where such a network is trained; see `pick_compute_dtype`."""
    chosen = pick_compute_dtype(pick_device().type, spec.convolutions)
    return "bf16" if chosen.dtype == torch.bfloat16 else "fp32"


def make_optimizers(
    backbone: Backbone, objective: Objective, plan: TrainPlan, fresh: Collection[str] = ()
) -> dict[str, torch.optim.Optimizer]:
    """Return the plan's optimizer for every phase of the objective, over the parameters that the phase trains.

    fresh: names (`backbone.*`, `objective.*`) of what the base did not give. Matrices decay, vectors and embedding
    tables do not. `peak_learning_rate` of each group is its peak; for the rest of a group see `OptimizerSpec`. The
    order of the parameters is a function of the parts and of `fresh` alone, so that saved states find their tensors.
    """
    named = {
        f"{part}.{name}": parameter
        for part, module in (("backbone", backbone), ("objective", objective))
        for name, parameter in module.named_parameters()
    }
    new = {id(named[name]) for name in fresh if name in named}
    return {
        phase: _optimizer(objective.layers(backbone, phase), _tables(backbone, objective), new, plan)
        for phase in objective.phases
    }


def _tables(backbone: Backbone, objective: Objective) -> set[int]:
    """Return the identities of the embedding tables."""
    return {
        id(module.weight)
        for part in (backbone, objective)
        for module in part.modules()
        if isinstance(module, nn.Embedding | nn.EmbeddingBag)
    }


def _optimizer(
    layers: list[list[nn.Parameter]], tables: set[int], new: set[int], plan: TrainPlan
) -> torch.optim.Optimizer:
    """Return the optimizer of one phase; layers: its parameters, input to output, the objective's own at the end.

    new: identities of the parameters that the base did not give; their groups come first.
    """
    groups: list[dict] = []
    *inner, last = layers
    layers = [layer for layer in inner if any(p.requires_grad for p in layer)] + [last]  # frozen layers do not count
    for is_new, depth, kind in product((True, False), range(len(layers)), ("table", "matrix", "vector")):
        chosen = [p for p in layers[depth] if p.requires_grad and _kind(p, tables) == kind and (id(p) in new) == is_new]
        if chosen:
            factor = plan.layer_decay ** (len(layers) - 1 - depth)
            learning_rate = _peak(plan, kind, is_new) * factor * plan.optimizer.learning_rate_multiple
            groups.append(
                {
                    "params": chosen,
                    "peak_learning_rate": learning_rate,
                    "lr": learning_rate,
                    "weight_decay": plan.weight_decay if kind == "matrix" else 0.0,
                    "betas": (0.9, plan.beta2),
                    "hidden": kind == "matrix" and depth < len(layers) - 1 and all(p.ndim == 2 for p in chosen),
                }
            )
    return plan.optimizer.build(groups)


def _peak(plan: TrainPlan, kind: str, is_new: bool) -> float:
    """Return the peak learning rate of parameters of a kind."""
    if is_new and plan.learning_rate_fresh:
        return plan.learning_rate_fresh
    return (kind == "table" and plan.learning_rate_embeddings) or plan.learning_rate


def _kind(parameter: nn.Parameter, tables: set[int]) -> str:
    if id(parameter) in tables:
        return "table"
    return "matrix" if parameter.ndim >= 2 else "vector"
