"""The Rayleigh-Ritz step: singular values and directions of a matrix within a subspace that nearly holds them."""

from __future__ import annotations

import torch
from torch import Tensor


def ritz(image_MW: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return (turn [W, R], singular values [R], falling) of the matrix A, both float64, R = min(rank, W).

    image_MW: A times an orthonormal basis [N, W]. Then `image_MW @ turn` are left singular vectors times their values,
    and `basis @ turn` right singular vectors (Halko, Martinsson & Tropp, SIAM Review 2011, section 5.1).
    """
    square_W, turn_WW = torch.linalg.eigh((image_MW.T @ image_MW).double())  # rising
    value_R = square_W.flip(0)[:rank].clamp(min=0).sqrt()
    turn_WR = turn_WW.flip(1)[:, :rank]
    # The sign of an eigenvector is arbitrary: its largest part is made positive, the same on every machine.
    return turn_WR * turn_WR.gather(0, turn_WR.abs().argmax(0, keepdim=True)).sign(), value_R
