"""Adadelta: moves as large as the running size of earlier moves over that of gradients (Zeiler 2012, 1212.5701)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.spec import OptimizerSpec


@dataclass(frozen=True, kw_only=True)
class AdadeltaSpec(OptimizerSpec):
    """rho: share of both running sizes that is kept. Weight decay is part of the gradient (an L2 penalty)."""

    learning_rate_multiple: ClassVar[float] = 300.0
    rho: float = 0.9

    def __post_init__(self) -> None:
        self.need_share("rho")

    def build(self, groups: list[dict]) -> torch.optim.Adadelta:
        """Return the optimizer."""
        return torch.optim.Adadelta(groups, rho=self.rho)
