"""The same network from random weights: the control that says what pre-training is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import no_base, one_class
from headstart.routes.fitting import FitSettings, fit_network
from headstart.routes.network_model import NetworkModel
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Scratch(RouteSpec):
    """How long and how fast to train.

    rate: usual peak rate (None = 0.15 / width); choose_rate: try .3, 1 and 3 times that on held-out rows. head_steps:
    steps in which only the head learns; then epochs over the rows, but at least least_steps steps of `batch` rows.
    layer_decay: factor of the rate per layer from output to input (1 = the same everywhere).
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    classical: ClassVar[bool] = False
    rate: float | None = None
    choose_rate: bool = True
    epochs: int = 10
    least_steps: int = 60
    batch: int = 16
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    head_steps: int = 60

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace) or one_class(examples)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> NetworkModel:
        """Train within `seconds` (None = all epochs). Raises HeadstartError: no base, rows or labels."""
        refusal = self.refuses(examples, workspace)
        if refusal:
            raise HeadstartError(f"route scratch: {refusal}")
        settings = FitSettings(
            rate=self.rate or 0.15 / workspace.base.backbone.width,
            epochs=self.epochs,
            least_steps=self.least_steps,
            batch=self.batch,
            layer_decay=self.layer_decay,
            weight_decay=self.weight_decay,
            choose_rate=self.choose_rate,
            head_steps=self.head_steps,
        )
        return fit_network(workspace.base.fresh(seed), examples, settings, seed=seed, seconds=seconds)

    def load(self, folder: Path) -> NetworkModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return NetworkModel.load(folder)
