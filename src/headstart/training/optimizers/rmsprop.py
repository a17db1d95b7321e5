"""RMSprop: gradients divided by the root of their running mean square (Tieleman & Hinton 2012, lecture 6.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.spec import OptimizerSpec


@dataclass(frozen=True, kw_only=True)
class RmspropSpec(OptimizerSpec):
    """alpha: share of the running mean square that is kept. Weight decay is part of the gradient (an L2 penalty)."""

    learning_rate_multiple: ClassVar[float] = 0.3
    alpha: float = 0.99

    def __post_init__(self) -> None:
        self.need_share("alpha")

    def build(self, groups: list[dict]) -> torch.optim.RMSprop:
        """Return the optimizer."""
        return torch.optim.RMSprop(groups, alpha=self.alpha)
