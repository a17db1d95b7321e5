"""Starting weights: normal and truncated normal, as BERT (Devlin et al. 2019) and ModernBERT (2024) use them."""

from __future__ import annotations

import torch
from torch import nn


def normal_(module: nn.Module, std: float) -> None:
    """Fill every linear and embedding matrix of `module` with N(0, std); biases become 0."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


def truncated_(weight: torch.Tensor, std: float, cutoff: float = 2.0) -> None:
    """Fill `weight` with N(0, std) cut at `cutoff` standard deviations."""
    nn.init.trunc_normal_(weight, std=std, a=-cutoff * std, b=cutoff * std)
