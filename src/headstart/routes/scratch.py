"""The network of the base from random weights: the control that shows what pre-training is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.network_fit import NetworkFit, fit_network
from headstart.fitting.network_model import NetworkModel
from headstart.images.policy import MOVED, Augment


@dataclass(frozen=True, kw_only=True)
class Scratch(NetworkFit, RouteSpec):
    """See `NetworkFit` for the settings.

    Images are moved by up to two pixels of 28: Fashion-MNIST, 2 draws, .710 instead of .709 at 100 labels, .823 instead
    of .812 at 1,000. A network that starts from a base lost by it in so few steps.
    """

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    learning_rate_scale: ClassVar[float] = 0.15
    augment: Augment = MOVED

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Train the network of the base from random weights within `seconds` (None: all epochs).

        Raises HeadstartError: no base.
        """
        start = self.base(examples, workspace).fresh(seed)
        return fit_network(start, examples, self, seed=seed, seconds=seconds)
