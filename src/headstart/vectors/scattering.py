"""Scattering (Bruna and Mallat, PAMI 35, 2013): moduli of Morlet wavelets, of these moduli again, locally averaged.

J = 2 scales and L = 8 directions. S0 = x * phi, S1 = |x * psi_1| * phi, S2 = ||x * psi_1| * psi_2| * phi with psi_2
coarser than psi_1, at every fourth pixel. Wavelets as in kymatio (Andreux et al., JMLR 21, 2020), cut off where they
have faded, images mirrored at their edges. Shapes: N images, S pixels of a side, C channels, R = S / 4, L directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.core.errors import HeadstartError
from headstart.vectors.image_vectoriser import ImageVectoriser, grey_levels

_SCALES, _DIRECTIONS = 2, 8  # J, L
_STEP = 2**_SCALES
_SIDE = 32
_WIDTH, _FREQUENCY, _SLANT = 0.8, 3 * np.pi / 4, 4 / _DIRECTIONS  # of the finest wavelet
_FADED = 3  # standard deviations
_AT_ONCE = 32  # images; bounds the memory


@dataclass(frozen=True)
class ScatteringVectors(ImageVectoriser):
    """Grey images; D = R x R x (1 + J L + L L J (J - 1) / 2) = R x R x 81."""

    side: int
    grey: bool = True

    @classmethod
    def usual_side(cls, shorter: int) -> int:
        """Return that of the images in steps of 4, from 16 to 32."""
        return int(np.clip(shorter // _STEP * _STEP, 16, _SIDE))

    @classmethod
    def learn(cls, squares_NSSC: np.ndarray) -> Self:
        """Return what reads such squares; nothing is learned. Raises HeadstartError: a side that does not fit."""
        side = squares_NSSC.shape[1]
        if side % _STEP or side < 16:
            raise HeadstartError(f"side={side}: must be a multiple of {_STEP} from 16")
        return cls(side)

    @torch.no_grad()
    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D]."""
        parts = [np.zeros((0, (self.side // _STEP) ** 2 * 81), np.float32)]
        for start in range(0, len(squares_NSSC), _AT_ONCE):
            image_N1SS = torch.from_numpy(grey_levels(squares_NSSC[start : start + _AT_ONCE]))
            parts.append(scatter(image_N1SS).flatten(1).numpy())
        return np.concatenate(parts)


def scatter(image_N1SS: Tensor) -> Tensor:
    """Return S0, S1 and S2, float32 [N, 81, R, R]."""
    fine = _modulus(image_N1SS, 0, 1)
    coarse = _modulus(image_N1SS, 1, 2)
    images, directions, side, _ = fine.shape
    twice = _modulus(fine.reshape(images * directions, 1, side, side), 1, 2)
    twice = twice.reshape(images, directions * _DIRECTIONS, side // 2, side // 2)
    maps = [_averaged(image_N1SS, _STEP), _averaged(fine, _STEP), _averaged(coarse, 2), _averaged(twice, 2)]
    return torch.cat(maps, dim=1)


def _modulus(image_N1SS: Tensor, scale: int, step: int) -> Tensor:
    """Return |x * psi| for the wavelets of a scale, [N, L, S / step, S / step]."""
    filters = morlets(scale)
    reach = filters.shape[-1] // 2
    found = F.conv2d(F.pad(image_N1SS, [reach] * 4, "reflect"), filters, stride=step)
    real, imaginary = found.chunk(2, dim=1)
    return torch.sqrt(real**2 + imaginary**2)


def _averaged(map_NDSS: Tensor, step: int) -> Tensor:
    """Return maps * phi at every `step`-th place; a map of every second pixel has a phi of half the width."""
    taps = _gauss(step)
    reach, wide = len(taps) // 2, map_NDSS.shape[1]
    padded = F.pad(map_NDSS, [reach] * 4, "reflect")
    rows = F.conv2d(padded, taps.view(1, 1, -1, 1).expand(wide, 1, -1, 1), stride=(step, 1), groups=wide)
    return F.conv2d(rows, taps.view(1, 1, 1, -1).expand(wide, 1, 1, -1), stride=(1, step), groups=wide)


@cache
def _gauss(step: int) -> Tensor:
    """Return the taps of phi in one dimension, of sum 1; of the width of the coarsest wavelet at a step of 4."""
    sigma = _WIDTH * step / 2
    place = np.arange(-int(_FADED * sigma), int(_FADED * sigma) + 1)
    taps = np.exp(-(place**2) / (2 * sigma**2))
    return torch.from_numpy((taps / taps.sum()).astype(np.float32))


@cache
def morlets(scale: int) -> Tensor:
    """Return the wavelets of a scale, float32 [2 L, 1, F, F]: real parts, then imaginary parts.

    A plane wave under an elliptic Gaussian, minus that Gaussian times the number that makes the sum 0.
    """
    sigma, frequency = _WIDTH * 2**scale, _FREQUENCY / 2**scale
    reach = int(_FADED * sigma / _SLANT)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    found = []
    for number in range(_DIRECTIONS):
        angle = np.pi * number / _DIRECTIONS
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        bell = np.exp(-(along**2 + (across * _SLANT) ** 2) / (2 * sigma**2))
        bell *= _SLANT / (2 * np.pi * sigma**2)
        wave = bell * np.exp(1j * frequency * along)
        found.append(wave - bell * wave.sum() / bell.sum())
    wave_LFF = np.stack(found)
    return torch.from_numpy(np.concatenate([wave_LFF.real, wave_LFF.imag])[:, None].astype(np.float32))
