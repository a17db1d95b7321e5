"""Muon: orthogonal moves for the network's hidden matrices, AdamW for all else (Jordan 2024; Liu 2025, 2502.16982).

The move of a matrix is scaled to the size of AdamW's (Liu et al. 2025, section 2.2), so that one rate serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from headstart.core.spec import OptimizerSpec


@dataclass(frozen=True, kw_only=True)
class MuonSpec(OptimizerSpec):
    """momentum: share of the running gradient of hidden matrices that is kept."""

    momentum: float = 0.95

    def __post_init__(self) -> None:
        self.need_share("momentum")

    def build(self, groups: list[dict]) -> torch.optim.Optimizer:
        """Return one optimizer for both kinds of groups."""
        return MuonAdamW(groups, self.momentum)


class MuonAdamW(torch.optim.Optimizer):
    """`torch.optim.Muon` on groups marked `hidden` and AdamW on the others, with their groups and states in common."""

    def __init__(self, groups: list[dict], momentum: float) -> None:
        super().__init__(groups, {})
        hidden = [group for group in self.param_groups if group["hidden"]]
        others = [group for group in self.param_groups if not group["hidden"]]
        self.parts: list[torch.optim.Optimizer] = []
        if hidden:
            self.parts.append(torch.optim.Muon(hidden, momentum=momentum, adjust_lr_fn="match_rms_adamw"))
        if others:
            self.parts.append(torch.optim.AdamW(others, eps=1e-8, fused=True))
        for part in self.parts:
            part.state = self.state  # one place for all, so that a checkpoint sees everything

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Move every weight that has a gradient."""
        assert closure is None
        for part in self.parts:
            part.step()
