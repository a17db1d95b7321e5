"""The same network from random weights: the control that says what pre-training is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.fitting import NetworkFit, fit_network
from headstart.routes.network_model import NetworkModel
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Scratch(NetworkFit, RouteSpec):
    """See `NetworkFit` for the settings."""

    usual: ClassVar[float] = 0.15

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> NetworkModel:
        """Train its network from random weights within `seconds` (None: all epochs). Raises HeadstartError: no base."""
        start = self.base(examples, workspace).fresh(seed)
        return fit_network(start, examples, self, seed=seed, seconds=seconds)
