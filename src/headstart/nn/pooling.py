"""Pooling: one vector per sample out of a network's features (mean of tokens, first token, last token, its own; of a
network of images with stages also means over parts of them)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.core.contracts import Features

OF_STAGES = ("quarters", "all")  # what networks of images with stages have besides


def pool(features: Features, how: str = "mean", layer: int = -1) -> Tensor:
    """Return document vectors [B, D]: `mean` over tokens, `cls` (first token), `last` (last token), or `own`.

    layer: of the hidden states, -1 = last. A network without token outputs always gives its own vector, of the layer
    asked for; from its stages come also `quarters`, the means over the quarters of the last two, which keep where
    things are, and `all`, the means over the whole of every stage.
    """
    if how == "quarters":
        return torch.cat([quarters(stage) for stage in features.maps[-2:]], dim=1)
    if how == "all":
        return torch.cat([stage.float().mean((2, 3)) for stage in features.maps], dim=1)
    if features.last_BTD is None and layer != -1:
        return features.layers[layer]
    if features.last_BTD is None or how == "own":
        assert features.pooled_BD is not None, "this backbone has no document vector of its own"
        return features.pooled_BD
    hidden_BTD = features.last_BTD if layer == -1 else features.layers[layer]
    if how == "cls":
        return hidden_BTD[:, 0]
    if how == "last":
        last_B = features.mask_BT.sum(1).clamp_min(1) - 1  # position of the last token of each sample
        return hidden_BTD[torch.arange(hidden_BTD.shape[0], device=hidden_BTD.device), last_B]
    weight_BT1 = features.mask_BT.to(hidden_BTD.dtype)[:, :, None]  # 0 for padding
    return (hidden_BTD * weight_BT1).sum(1) / weight_BT1.sum(1).clamp_min(1.0)


def quarters(image: Tensor) -> Tensor:
    """Return the means over the four quarters of each channel, [B, 4 C], of [B, C, H, W]."""
    return F.adaptive_avg_pool2d(image.float(), 2).flatten(1)
