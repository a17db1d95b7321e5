"""Rotary positions (RoFormer, Su et al. 2021, arXiv:2104.09864). Learned ones are a plain `nn.Embedding`."""

from __future__ import annotations

import torch
from torch import Tensor


class Rotary:
    """Turns pairs (x_i, x_{i + K/2}) of each query and key by an angle that grows with the position.

    length: positions 0 .. length-1. size: the head width K, even. theta: the longest wavelength is about 2 pi theta.
    """

    def __init__(self, length: int, size: int, theta: float, device: torch.device) -> None:
        frequency = 1.0 / theta ** (torch.arange(0, size, 2, dtype=torch.float32, device=device) / size)
        angle_TK = torch.arange(length, dtype=torch.float32, device=device)[:, None] * frequency
        self.cos = torch.cat([angle_TK.cos()] * 2, -1)[None, :, None, None, :]
        self.sin = torch.cat([-angle_TK.sin(), angle_TK.sin()], -1)[None, :, None, None, :]

    def __call__(self, x: Tensor) -> Tensor:
        """Return `x` [B, T, parts, H, K] turned, in its own dtype."""
        if self.cos.dtype != x.dtype:
            self.cos, self.sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
        return x * self.cos + x.roll(x.shape[-1] // 2, -1) * self.sin
