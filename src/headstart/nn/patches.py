"""Images as rows of square patches, and sums of a place's row and column as waves.

Shapes: B images, C channels, T = h * w patches of S x S pixels, row by row; what lies beyond the last whole patch to
the right and below is left out. P = C * S * S numbers of a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.nn.position import sinusoids


def patches_of(pixels_BCHW: Tensor, side: int) -> Tensor:
    """Return the pixels of each patch, [B, T, P]."""
    rows, columns = (length // side for length in pixels_BCHW.shape[2:])
    whole = pixels_BCHW[:, :, : rows * side, : columns * side]
    parts_BChScolS = whole.unflatten(3, (columns, side)).unflatten(2, (rows, side))
    return parts_BChScolS.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def image_of(patches_BTP: Tensor, grid: tuple[int, int], side: int) -> Tensor:
    """Return the image [B, C, h * S, w * S] of patches on a grid of h x w; the inverse of `patches_of`."""
    parts = patches_BTP.unflatten(2, (-1, side, side)).unflatten(1, grid)  # [B, h, w, C, S, S]
    return parts.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def take_patches(values_BTD: Tensor, number_BV: Tensor) -> Tensor:
    """Return the rows [B, V, D] of each image that have these numbers."""
    return values_BTD.gather(1, number_BV[:, :, None].expand(-1, -1, values_BTD.shape[2]))


def grid_positions(grid: tuple[int, int], width: int) -> Tensor:
    """Return [T, D]: `sinusoids` of the row in one half of the width, of the column in the other (He et al. 2022)."""
    row_T, column_T = torch.meshgrid(*map(torch.arange, grid), indexing="ij")
    half = -(-width // 2)
    return torch.cat([sinusoids(row_T.flatten(), half), sinusoids(column_T.flatten(), half)], 1)[:, :width]
