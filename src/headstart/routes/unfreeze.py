"""Gradual unfreezing from the output down, lower layers slower, slanted triangles (ULMFiT, Howard & Ruder 2018)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.fitting import NetworkFit, Stage, fit_network
from headstart.routes.network_model import NetworkModel
from headstart.routes.workspace import Workspace
from headstart.training.plan import TrainPlan

_CUT, _RATIO = 0.1, 32  # the paper's slanted triangle: up for this share of the steps; the peak over the lowest rate


@dataclass(frozen=True, kw_only=True)
class Unfreeze(NetworkFit, RouteSpec):
    """layer_steps: of each stage that adds a layer, at least (the paper: one epoch, which is few steps of few rows).

    The head learns alone, then the layer below joins, then the next; when all have joined they learn for `epochs`. Each
    stage is a slanted triangle of its own, as in the authors' program; a layer's rate is that of the one above it times
    `layer_decay`, the paper's 1 / 2.6 (arXiv:1801.06146, section 3). Known differences: AdamW with constant betas
    instead of Adam's (.7, .99), no concat pooling. See `NetworkFit` for the other settings.
    """

    usual: ClassVar[float] = 0.15
    hurried: ClassVar[float] = 3.0
    layer_decay: float = 1 / 2.6
    layer_steps: int = 15

    def stages(self, layers: int, per_epoch: int, rate: float) -> list[Stage]:
        """Return the stages, which share the time by their steps once the head has learned."""
        steps = [max(self.layer_steps, per_epoch)] * (layers - 1) + [max(self.least_steps, self.epochs * per_epoch)]
        shares = [own / sum(steps[place:]) for place, own in enumerate(steps)]
        plans = [self.plan(own, rate) for own in steps]
        parts = zip(range(1, layers + 1), plans, shares, strict=True)
        return [*self.head_first(), *(Stage(layers=count, plan=plan, share=share) for count, plan, share in parts)]

    def plan(self, steps: int, rate: float) -> TrainPlan:
        """Return a slanted triangle."""
        return replace(super().plan(steps, rate), warmup=_CUT, hold=_CUT, final=1 / _RATIO)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> NetworkModel:
        """Train a copy of the base within `seconds` (None = all epochs). Raises HeadstartError: no base or rows."""
        return fit_network(self.base(examples, workspace), examples, self, seed=seed, seconds=seconds)
