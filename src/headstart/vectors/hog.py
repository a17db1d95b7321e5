"""Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) of the middle square of each image.

Cells of 4 x 4 pixels, in images of more than 32 pixels 8 x 8 larger cells; 9 directions without sign; blocks of 2 x 2
cells with L2-Hys normalisation. Shapes: N images, S pixels and K cells of a side, O directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.vectors.image_vectoriser import ImageVectoriser

DIRECTIONS, BLOCK = 9, 2
_SIDES = (32, 64, 96)  # usual ones
_CELL, _MOST_CELLS = 4, 8  # pixels of the smallest cell; cells of a side
_CLIP = 0.2  # most that one direction of a cell may be of its block, section 6.4 of the paper
_SMALL = 0.1  # added to the length of a block: noise in a flat area stays small; one edge of contrast 0.1 is about 1


def cell_of(side: int) -> int:
    """Return the pixels of a cell's side. Raises HeadstartError: such a side that cells or blocks do not fit."""
    small = side <= _CELL * _MOST_CELLS
    if side % (_CELL if small else _MOST_CELLS) or side < BLOCK * _CELL:
        raise HeadstartError(
            f"side={side}: must be a multiple of {_CELL} from {BLOCK * _CELL} to {_CELL * _MOST_CELLS}, or a larger "
            f"multiple of {_MOST_CELLS}"
        )
    return _CELL if small else side // _MOST_CELLS


@dataclass(frozen=True)
class HogVectors(ImageVectoriser):
    """Grey images; D = (K - 1) x (K - 1) x 4 x 9."""

    side: int
    grey: bool = True

    @classmethod
    def usual_side(cls, shorter: int) -> int:
        """Return 32, 64 or 96: the largest that does not make usual images larger."""
        return max((one for one in _SIDES if one <= shorter), default=_SIDES[0])

    @classmethod
    def learn(cls, squares_NSSC: np.ndarray) -> Self:
        """Return what reads such squares; nothing is learned. Raises HeadstartError: cells do not fit the side."""
        cell_of(squares_NSSC.shape[1])
        return cls(squares_NSSC.shape[1])

    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D]."""
        return histograms(squares_NSSC[..., 0].astype(np.float32) / 255)


def histograms(image_NSS: np.ndarray) -> np.ndarray:
    """Return the normalised histograms, float32 [N, D], of grey images from 0 to 1."""
    # Differences of the two neighbours, at the edge of the image of the pixel itself and its one neighbour.
    padded = np.pad(image_NSS, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across_NSS = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down_NSS = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    length_NSS = np.hypot(across_NSS, down_NSS)
    # The angle in units of a direction, 0 to 9: a gradient and its opposite are the same.
    angle_NSS = np.arctan2(down_NSS, across_NSS) * (DIRECTIONS / np.pi) % DIRECTIONS
    weight_KS = _cell_weights(image_NSS.shape[1])
    cells = []
    for direction in range(DIRECTIONS):
        # A pixel votes for the two nearest directions, by how near they are; the directions are a circle.
        away = np.abs(angle_NSS - direction)
        vote_NSS = length_NSS * np.maximum(1 - np.minimum(away, DIRECTIONS - away), 0)
        cells.append(weight_KS @ vote_NSS @ weight_KS.T)
    return _blocks(np.stack(cells, axis=3)).astype(np.float32)


def _cell_weights(side: int) -> np.ndarray:
    """Return float32 [K, S]: how much a pixel counts in each cell of its row of cells.

    A pixel counts in the two nearest cells, by how near their centres are, so that a shift by a pixel changes little;
    applied along both sides this is bilinear interpolation.
    """
    cell = cell_of(side)
    pixel_S, centre_K = np.arange(side) + 0.5, (np.arange(side // cell) + 0.5) * cell
    return np.maximum(1 - np.abs(pixel_S - centre_K[:, None]) / cell, 0).astype(np.float32)


def _blocks(cell_NKKO: np.ndarray) -> np.ndarray:
    """Return every 2 x 2 cells side by side, with length 1, cut at `_CLIP`, with length 1 again: L2-Hys; [N, D]."""
    last = cell_NKKO.shape[1] - BLOCK + 1
    corners = [cell_NKKO[:, y : y + last, x : x + last] for y in range(BLOCK) for x in range(BLOCK)]
    block = np.concatenate(corners, axis=3)
    block = block / np.sqrt((block**2).sum(axis=3, keepdims=True) + _SMALL**2)
    block = np.minimum(block, _CLIP)
    block = block / np.sqrt((block**2).sum(axis=3, keepdims=True) + _SMALL**2)
    return block.reshape(len(block), last * last * block.shape[3])
