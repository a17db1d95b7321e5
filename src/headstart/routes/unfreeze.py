"""Gradual unfreezing from the output down, discriminative learning rates (ULMFiT, Howard & Ruder 2018)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.network_fit import NetworkFit, Stage, fit_network
from headstart.fitting.network_model import NetworkModel
from headstart.training.plan import TrainPlan

_CUT, _RATIO = 0.1, 32  # slanted triangle of the paper: share of warm-up steps; ratio of peak to final learning rate


@dataclass(frozen=True, kw_only=True)
class Unfreeze(NetworkFit, RouteSpec):
    """layer_steps: least steps of each stage that adds a layer (the paper: one epoch, which is few steps for few rows).

    The head is trained alone, then with the top layer, then with one more layer per stage; all layers together are
    trained for `epochs`. Each stage has its own slanted triangle, as in the program of the authors; the learning rate
    of a layer is the learning rate of the layer above times `layer_decay`, 1 / 2.6 in the paper (arXiv:1801.06146,
    section 3). Known differences: AdamW with constant betas instead of Adam's (.7, .99), no concat pooling. See
    `NetworkFit` for the other settings.
    """

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    learning_rate_scale: ClassVar[float] = 0.15
    hurried: ClassVar[float] = 3.0
    layer_decay: float = 1 / 2.6
    layer_steps: int = 15

    def stages(self, layers: int, per_epoch: int, learning_rate: float) -> list[Stage]:
        """Return the stages; after the head the time is shared in proportion to the steps."""
        steps = [max(self.layer_steps, per_epoch)] * (layers - 1) + [max(self.least_steps, self.epochs * per_epoch)]
        shares = [own / sum(steps[place:]) for place, own in enumerate(steps)]
        plans = [self.plan(own, learning_rate) for own in steps]
        parts = zip(range(1, layers + 1), plans, shares, strict=True)
        return [*self.head_first(), *(Stage(layers=count, plan=plan, share=share) for count, plan, share in parts)]

    def plan(self, steps: int, learning_rate: float) -> TrainPlan:
        """Return the plan of a stage: a slanted triangle."""
        return replace(super().plan(steps, learning_rate), warmup=_CUT, hold=_CUT, final=1 / _RATIO)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Train a copy of the base within `seconds` (None = all epochs). Raises HeadstartError: no base or rows."""
        return fit_network(self.base(examples, workspace), examples, self, seed=seed, seconds=seconds)
