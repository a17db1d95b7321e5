"""Momentum that looks ahead: v = momentum * v + g; w -= rate * (g + momentum * v) (Nesterov 1983; Sutskever 2013)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.spec import OptimizerSpec
from headstart.core.whole_weights import all_whole


@dataclass(frozen=True, kw_only=True)
class NesterovSpec(OptimizerSpec):
    """momentum: share of the last move that is kept. Weight decay is part of the gradient (an L2 penalty)."""

    learning_rate_multiple: ClassVar[float] = 10.0
    momentum: float = 0.9

    def __post_init__(self) -> None:
        self.need_share("momentum")

    def build(self, groups: list[dict]) -> torch.optim.SGD:
        """Return the optimizer."""
        return torch.optim.SGD(groups, momentum=self.momentum, nesterov=True, fused=all_whole(groups))
