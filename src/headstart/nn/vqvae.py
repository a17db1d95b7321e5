"""VQ-VAE: images as a grid of codes and back, the codes the nearest vectors of a codebook (van den Oord et al. 2017).

arXiv:1711.00937: the gradient passes the choice of a code as if it were not there (straight-through, section 3.2), the
codebook follows what it was chosen for by moving averages (appendix A.1), the encoder is drawn to it (commitment).
Codes that are hardly chosen are put on vectors of the batch at hand (Dhariwal et al. 2020, arXiv:2005.00341, appendix).
Shapes: B images, N = B * h * w places, D width of a code, K codes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.shapes import ImageShape
from headstart.nn.standardise import Standardise

_DECAY = 0.95  # of the moving averages; .99, as in the paper, leaves 27 of 512 codes in use after 100 steps, .95 495
_DEAD = 0.1  # of the mean number of choices: with fewer a code is moved
_COMMITMENT = 0.25  # beta of the paper


class Codebook(nn.Module):
    """K vectors without a gradient. vectors_KD is what is saved; count_K, sum_KD: the moving averages behind it."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("vectors_KD", torch.zeros(codes, width))
        self.register_buffer("count_K", torch.zeros(codes), persistent=False)
        self.register_buffer("sum_KD", torch.zeros(codes, width), persistent=False)

    def nearest(self, hidden_ND: Tensor) -> Tensor:
        """Return the number of the nearest vector to each, int64 [N]; of equally near ones the first."""
        vectors_KD = self.vectors_KD
        return (vectors_KD.square().sum(1) - 2 * hidden_ND @ vectors_KD.T).argmin(1)

    @torch.no_grad()
    def follow(self, hidden_ND: Tensor, ids_N: Tensor, random: np.random.Generator) -> None:
        """Move each vector towards the mean of those that chose it, and unused ones onto random rows of `hidden_ND`."""
        codes, mean = len(self.count_K), len(hidden_ND) / len(self.count_K)
        chosen_K = torch.bincount(ids_N, minlength=codes).to(hidden_ND.dtype)
        self.count_K.lerp_(chosen_K, 1 - _DECAY)
        self.sum_KD.lerp_(torch.zeros_like(self.sum_KD).index_add_(0, ids_N, hidden_ND), 1 - _DECAY)
        dead_M = (self.count_K < _DEAD * mean).nonzero()[:, 0]  # all of them at the very first batch
        rows_M = torch.from_numpy(random.choice(len(hidden_ND), len(dead_M), replace=len(hidden_ND) < codes))
        self.count_K[dead_M] = mean
        self.sum_KD[dead_M] = mean * hidden_ND[rows_M.to(hidden_ND.device)]
        self.vectors_KD.copy_(self.sum_KD / self.count_K[:, None])


class VQVAE(nn.Module):
    """Strided convolutions, two residual blocks, the codebook, and the same the other way round.

    reduction: pixels of the side of a code's square, a power of 2. width: channels; code_width: D.
    """

    def __init__(self, shape: ImageShape, *, codes: int, reduction: int, width: int, code_width: int) -> None:
        super().__init__()
        halvings = int(math.log2(reduction))
        widths = [max(width >> (halvings - 1 - step), 8) for step in range(halvings)]
        self.input, self.codebook = Standardise(shape), Codebook(codes, code_width)
        down: list[nn.Module] = []
        for before, after in zip([shape.channels, *widths], widths):
            down += [nn.Conv2d(before, after, 4, 2, padding=1), nn.ReLU()]
        last = widths[-1]
        self.encoder = nn.Sequential(
            *down, nn.Conv2d(last, last, 3, padding=1), _Residual(last), _Residual(last), nn.ReLU(),
            nn.Conv2d(last, code_width, 1),
        )  # fmt: skip
        up: list[nn.Module] = []
        for before, after in zip(widths[::-1], [*widths[-2::-1], shape.channels]):
            up += [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, padding=1)]
        self.decoder = nn.Sequential(nn.Conv2d(code_width, last, 3, padding=1), _Residual(last), _Residual(last), *up)

    def encode(self, pixels_BCHW: Tensor) -> Tensor:
        """Return what the encoder makes of uint8 pixels, [B, D, h, w]."""
        return self.encoder(self.input(ImageBatch(pixels_BCHW=pixels_BCHW, sample_B=torch.arange(len(pixels_BCHW)))))

    def ids(self, pixels_BCHW: Tensor) -> Tensor:
        """Return the codes of uint8 pixels row by row, int64 [B, h * w]."""
        hidden_BDhw = self.encode(pixels_BCHW)
        return self.codebook.nearest(_rows(hidden_BDhw)).view(len(hidden_BDhw), -1)

    def pictures(self, ids_BT: Tensor, rows: int) -> Tensor:
        """Return what codes show, uint8 [B, C, H, W]; rows: h."""
        code_BDhw = self.codebook.vectors_KD[ids_BT].mT.unflatten(2, (rows, -1))
        image = self.decoder(code_BDhw) * self.input.std_C11 + self.input.mean_C11
        return (image.clamp(0, 1) * 255).round().to(torch.uint8)

    def loss(self, pixels_BCHW: Tensor, random: np.random.Generator) -> Tensor:
        """Return the loss of a batch, a scalar, and let the codebook follow it.

        The squared error of the standardised pixels, plus .25 times that of the encoder's vectors against their codes.
        """
        hidden_BDhw = self.encode(pixels_BCHW)
        hidden_ND = _rows(hidden_BDhw)
        if not self.codebook.count_K.any():  # all codes start on vectors of the first batch
            self.codebook.follow(hidden_ND.detach(), hidden_ND.new_zeros(len(hidden_ND), dtype=torch.int64), random)
        ids_N = self.codebook.nearest(hidden_ND.detach())
        code_ND = self.codebook.vectors_KD[ids_N]
        commitment = F.mse_loss(hidden_ND, code_ND)
        passed_ND = hidden_ND + (code_ND - hidden_ND).detach()
        passed_BDhw = passed_ND.view(len(hidden_BDhw), *hidden_BDhw.shape[2:], -1).permute(0, 3, 1, 2)
        target = self.input(ImageBatch(pixels_BCHW=pixels_BCHW, sample_B=torch.arange(len(pixels_BCHW))))
        error = F.mse_loss(self.decoder(passed_BDhw), target)
        self.codebook.follow(hidden_ND.detach(), ids_N, random)
        return error + _COMMITMENT * commitment


class _Residual(nn.Module):
    """x + conv1x1(ReLU(conv3x3(ReLU x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width // 2, 3, padding=1)
        self.second = nn.Conv2d(width // 2, width, 1)

    def forward(self, image: Tensor) -> Tensor:
        return image + self.second(F.relu(self.first(F.relu(image))))


def _rows(image_BDhw: Tensor) -> Tensor:
    """Return the vectors of all places, image by image, row by row, [N, D]."""
    return image_BDhw.permute(0, 2, 3, 1).flatten(0, 2)
