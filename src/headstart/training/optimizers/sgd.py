"""Stochastic gradient descent: w -= rate * gradient (Robbins & Monro 1951)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.spec import OptimizerSpec
from headstart.core.whole_weights import all_whole


@dataclass(frozen=True, kw_only=True)
class SgdSpec(OptimizerSpec):
    """Weight decay is part of the gradient (an L2 penalty)."""

    learning_rate_multiple: ClassVar[float] = 100.0

    def build(self, groups: list[dict]) -> torch.optim.SGD:
        """Return the optimizer; it has no state."""
        return torch.optim.SGD(groups, fused=all_whole(groups))
