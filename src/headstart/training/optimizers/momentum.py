"""Gradient descent with momentum: v = momentum * v + gradient; w -= rate * v (Polyak 1964)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.spec import OptimizerSpec
from headstart.core.whole_weights import all_whole


@dataclass(frozen=True, kw_only=True)
class MomentumSpec(OptimizerSpec):
    """momentum: share of the last move that is kept. Weight decay is part of the gradient (an L2 penalty)."""

    learning_rate_multiple: ClassVar[float] = 10.0
    momentum: float = 0.9

    def __post_init__(self) -> None:
        self.need_share("momentum")

    def build(self, groups: list[dict]) -> torch.optim.SGD:
        """Return the optimizer."""
        return torch.optim.SGD(groups, momentum=self.momentum, fused=all_whole(groups))
