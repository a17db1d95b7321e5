"""Adam: running mean of gradients over the root of that of their squares (Kingma & Ba 2015, arXiv:1412.6980)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.core.spec import OptimizerSpec


@dataclass(frozen=True, kw_only=True)
class AdamSpec(OptimizerSpec):
    """Weight decay is part of the gradient (an L2 penalty); in `adamw` it is not."""

    def build(self, groups: list[dict]) -> torch.optim.Adam:
        """Return the optimizer; the second beta is the plan's `beta2`."""
        return torch.optim.Adam(groups, eps=1e-8, fused=True)
