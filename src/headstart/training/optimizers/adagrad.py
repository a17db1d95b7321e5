"""Adagrad: each weight's rate shrinks with the sum of its squared gradients (Duchi, Hazan & Singer 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.spec import OptimizerSpec


@dataclass(frozen=True, kw_only=True)
class AdagradSpec(OptimizerSpec):
    """Weight decay is part of the gradient (an L2 penalty)."""

    learning_rate_multiple: ClassVar[float] = 3.0

    def build(self, groups: list[dict]) -> torch.optim.Adagrad:
        """Return the optimizer."""
        return torch.optim.Adagrad(groups)
