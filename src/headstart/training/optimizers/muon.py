"""Muon: orthogonal moves for the network's hidden matrices, AdamW for all else (Jordan 2024; Liu 2025, 2502.16982).

The move of a matrix is scaled to the size of AdamW's (Liu et al. 2025, section 2.2), so that one rate serves both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from headstart.core.spec import OptimizerSpec

_STEPS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315  # steepest at 0, so that few steps suffice


@dataclass(frozen=True, kw_only=True)
class MuonSpec(OptimizerSpec):
    """momentum: share of the running gradient of hidden matrices that is kept."""

    elementwise: ClassVar[bool] = False
    momentum: float = 0.95

    def __post_init__(self) -> None:
        self.need_share("momentum")

    def build(self, groups: list[dict]) -> torch.optim.Optimizer:
        """Return one optimizer for both kinds of groups."""
        return MuonAdamW(groups, self.momentum)


class MuonAdamW(torch.optim.Optimizer):
    """Muon on groups marked `hidden` and AdamW on the others, with their groups and states in common.

    `torch.optim.Muon` has the same moves, but computes in bf16 on every device: on a CPU without bf16 units 80 steps
    took 119 s instead of 5 s (docs/decisions.md).
    """

    def __init__(self, groups: list[dict], momentum: float) -> None:
        super().__init__(groups, {"momentum": momentum})
        others = [group for group in self.param_groups if not group["hidden"]]
        self.others = torch.optim.AdamW(others, eps=1e-8, fused=True) if others else None
        if self.others is not None:
            self.others.state = self.state  # one place for all, so that a checkpoint sees everything

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Move every weight that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            if group["hidden"]:
                for weight in group["params"]:
                    if weight.grad is not None:
                        self._move(weight, group["lr"], group["weight_decay"], group["momentum"])
        if self.others is not None:
            self.others.step()

    def _move(self, weight: Tensor, rate: float, decay: float, momentum: float) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight.grad)
        running = state["momentum_buffer"].lerp_(weight.grad, 1 - momentum)
        ahead = weight.grad.lerp(running, momentum)  # Nesterov
        weight.mul_(1 - rate * decay)
        # An orthogonal [A, B] matrix has a root mean square of 1 / sqrt(max(A, B)); a move of AdamW has one near .2.
        weight.add_(orthogonal(ahead), alpha=-0.2 * math.sqrt(max(weight.shape)) * rate)


def orthogonal(matrix_AB: Tensor) -> Tensor:
    """Return the matrix with all singular values near 1 (.5 to 1.5), by 5 Newton-Schulz steps (Jordan 2024).

    bf16 only on a GPU that has it; never by a trial of speed, which could end otherwise when a run goes on.
    """
    fast = matrix_AB.is_cuda and torch.cuda.is_bf16_supported()
    wide = matrix_AB.to(torch.bfloat16) if fast else matrix_AB.float()
    tall = len(wide) > wide.shape[1]
    if tall:  # products of the shorter side with itself are the smaller ones
        wide = wide.T
    wide = wide / wide.norm().clamp(min=1e-7)  # the largest singular value is at most 1
    for _ in range(_STEPS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), wide, beta=_A)
    return (wide.T if tall else wide).to(matrix_AB.dtype)
