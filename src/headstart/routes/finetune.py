"""Full fine-tuning: every weight of the base trained on the labelled rows (BERT, Devlin et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.network_fit import NetworkFit, fit_network
from headstart.fitting.network_model import NetworkModel


@dataclass(frozen=True, kw_only=True)
class Finetune(NetworkFit, RouteSpec):
    """See `NetworkFit` for the settings."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    learning_rate_scale: ClassVar[float] = 0.05
    # Few steps need a higher learning rate: KLUE-NER, 150 steps of a 4 x 128 masked LM, F1 .12 at 4e-4 and .28 at 2e-3.
    hurried: ClassVar[float] = 3.0

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Train a copy of the base within `seconds` (None = all epochs). Raises HeadstartError: no base or rows."""
        start = self.base(examples, workspace)
        return fit_network(start, examples, self, seed=seed, seconds=seconds)
