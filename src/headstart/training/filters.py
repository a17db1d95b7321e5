"""The filters of a network's first layer as one picture: what it looks for in the pixels (Zeiler and Fergus 2014)."""

from __future__ import annotations

import numpy as np
from torch import nn

from headstart.training.pretrained_model import PretrainedModel

_MOST = 64  # filters that are shown
_COLUMNS = 8
_BETWEEN = 128  # level of the lines between filters


def first_filters(base: PretrainedModel) -> np.ndarray | None:
    """Return the filters of the first convolution, uint8 [H, W, 1 or 3], in rows of eight; None where there is none.

    Each filter is scaled so that 0 is mid-grey and its largest weight black or white.
    """
    if base.processor.gives != "pixels":
        return None
    layers = (module for module in base.backbone.modules() if isinstance(module, nn.Conv2d))
    first = next((layer for layer in layers if layer.in_channels in (1, 3)), None)
    if first is None:
        return None
    weight_OCHW = first.weight.detach().float().cpu().numpy()[:_MOST]
    largest = np.abs(weight_OCHW).max(axis=(1, 2, 3), keepdims=True)
    level_OHWC = (
        np.rint(127.5 + 127.5 * weight_OCHW / np.maximum(largest, 1e-12)).astype(np.uint8).transpose(0, 2, 3, 1)
    )
    count, height, width, channels = level_OHWC.shape
    rows, columns = -(-count // _COLUMNS), min(count, _COLUMNS)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, channels), _BETWEEN, np.uint8)
    for number, one in enumerate(level_OHWC):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        sheet[top : top + height, left : left + width] = one
    return sheet
