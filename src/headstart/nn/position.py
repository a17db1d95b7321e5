"""Rotary positions (RoFormer, Su et al. 2021, arXiv:2104.09864). Learned ones are a plain `nn.Embedding`."""

from __future__ import annotations

import torch
from torch import Tensor


class Rotary:
    """Turns pairs (x_i, x_{i + K/2}) of each query and key by an angle that grows with the position.

    length: positions 0 .. length-1. size: the head width K, even. theta: the longest wavelength is about 2 pi theta.
    past_B: tokens of each sample that came before, so that its positions count from there; None = none.
    """

    def __init__(
        self, length: int, size: int, theta: float, device: torch.device, past_B: Tensor | None = None
    ) -> None:
        frequency = 1.0 / theta ** (torch.arange(0, size, 2, dtype=torch.float32, device=device) / size)
        position = torch.arange(length, dtype=torch.float32, device=device)[None]
        if past_B is not None:
            position = position + past_B[:, None]
        angle = (position[:, :, None] * frequency)[:, :, None, None, :]  # [B or 1, T, 1, 1, K / 2]
        self.cos = torch.cat([angle.cos()] * 2, -1)
        self.sin = torch.cat([-angle.sin(), angle.sin()], -1)

    def __call__(self, x: Tensor) -> Tensor:
        """Return `x` [B, T, parts, H, K] turned, in its own dtype."""
        if self.cos.dtype != x.dtype:
            self.cos, self.sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
        return x * self.cos + x.roll(x.shape[-1] // 2, -1) * self.sin


def sinusoids(position_N: Tensor, width: int) -> Tensor:
    """Return [N, D]: sin and cos in turn, wavelengths from 2 pi to 10,000 * 2 pi (Vaswani et al. 2017, section 3.5)."""
    even = torch.arange(0, width, 2, dtype=torch.float32, device=position_N.device)
    angle_NK = position_N[:, None] * 10_000.0 ** (-even / width)
    return torch.stack([angle_NK.sin(), angle_NK.cos()], -1).flatten(1)[:, :width]
