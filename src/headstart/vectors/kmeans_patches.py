"""k-means patches (Coates and Ng, "Learning feature representations with k-means", 2012; Coates, Ng and Lee, AISTATS
2011): how near each patch of an image is to the centres of patches of unlabelled images, averaged over cells of it.

Patches lose their mean and contrast and are whitened (ZCA). The activation is the paper's triangle, max(0, mean of the
distances - distance), on squared distances, in which |x|^2 cancels, so that it is one matrix product and a ReLU. 200
centres and 4 x 4 cells instead of the paper's 800 and more and 2 x 2: docs/decisions.md, 2026-11-27.
Shapes: N images, S pixels of a side, C channels, P patches of an image, V = values of a patch, K centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional as F

from headstart.core.errors import HeadstartError
from headstart.core.seeds import key, numpy_generator
from headstart.vectors.image_vectoriser import ImageVectoriser, grey_levels

_SIDE, _LEAST_SIDE, _PATCH = 32, 8, 6
_PATCHES = 100_000  # of the unlabelled images that centres are learned from
_PER_CENTRE = 10  # patches, at least
_CONTRAST = 10 / 255**2  # added to the variance of a patch, as in the paper
_WHITENING = 0.1  # added to the variance of each direction
_AT_ONCE = 16  # images whose activations lie in the memory together: 7 MB


@dataclass(frozen=True)
class PatchVectors(ImageVectoriser):
    """D = cells x cells x K. weight_VK, bias_K: of normalised patches, whitening included."""

    side: int
    grey: bool
    patch: int
    stride: int
    cells: int
    weight_VK: np.ndarray
    bias_K: np.ndarray
    reads_colour: ClassVar[bool] = True

    @classmethod
    def usual_side(cls, shorter: int) -> int:
        """Return that of the images, from 8 to 32."""
        return max(_LEAST_SIDE, min(shorter, _SIDE))

    @classmethod
    def learn(
        cls, squares_NSSC: np.ndarray, *, centres: int = 200, patch: int | None = None, stride: int = 1, cells: int = 4
    ) -> Self:
        """Learn whitening and centres; patch: `_PATCH`, of small images half a side, where none is named.

        Raises HeadstartError: too large patches, more cells than patches.
        """
        side, channels = squares_NSSC.shape[2:]
        patch = min(_PATCH, side // 2) if patch is None else patch
        if not 2 <= patch <= side // 2:
            raise HeadstartError(f"patch={patch}: images of {side} pixels have patches of 2 to {side // 2}")
        if cells > (across := (side - patch) // stride + 1):
            raise HeadstartError(f"cells={cells}: there are {across} patches in a row; take at most {across}")
        sample_MV = _sample(squares_NSSC, patch)
        mean_V, turn_VV = _whitening(sample_MV)
        white_MV = (sample_MV - mean_V) @ turn_VV
        centre_KV = _centres(white_MV, min(centres, max(len(white_MV) // _PER_CENTRE, 2)))
        # mean_k |x - c_k|^2 - |x - c_k|^2 = 2 x . (c_k - mean c) + (mean |c|^2 - |c_k|^2), and x = (p - mean) turn.
        length_K = (centre_KV**2).sum(axis=1)
        weight_VK = 2 * turn_VV @ (centre_KV - centre_KV.mean(axis=0)).T
        bias_K = length_K.mean() - length_K - mean_V @ weight_VK
        settings = side, channels == 1, patch, stride, cells
        return cls(*settings, weight_VK.astype(np.float32), bias_K.astype(np.float32))

    @torch.no_grad()
    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D]."""
        out_ND = np.zeros((len(squares_NSSC), self.cells**2 * len(self.bias_K)), np.float32)
        weight_VK, bias_K = torch.from_numpy(self.weight_VK), torch.from_numpy(self.bias_K)
        for start in range(0, len(out_ND), _AT_ONCE):
            patch_NPV = _patches(squares_NSSC[start : start + _AT_ONCE], self.patch, self.stride)
            some, places = patch_NPV.shape[:2]
            near_PK = torch.addmm(bias_K, patch_NPV.reshape(some * places, -1), weight_VK).relu_()
            across = round(places**0.5)
            near_NKHW = near_PK.view(some, across, across, -1).permute(0, 3, 1, 2)
            out_ND[start : start + some] = F.adaptive_avg_pool2d(near_NKHW, self.cells).flatten(1).numpy()
        return out_ND


def _patches(squares_NSSC: np.ndarray, patch: int, stride: int) -> Tensor:
    """Return the patches without mean and contrast, float32 [N, P, V]."""
    image_NCSS = torch.from_numpy(grey_levels(squares_NSSC))
    return _normalised(F.unfold(image_NCSS, patch, stride=stride).transpose(1, 2))


def _normalised(patch_PV: Tensor) -> Tensor:
    variance, mean = torch.var_mean(patch_PV, dim=-1, keepdim=True, correction=0)
    return (patch_PV - mean) * torch.rsqrt(variance + _CONTRAST)


def _sample(squares_NSSC: np.ndarray, patch: int) -> np.ndarray:
    """Return normalised patches from random places of all images, float32 [M, V]."""
    images, side = squares_NSSC.shape[:2]
    each = -(-_PATCHES // max(images, 1))  # rounded up
    places = numpy_generator(0, "patches").integers(0, side - patch + 1, (images, min(each, 64), 2))
    windows = np.lib.stride_tricks.sliding_window_view(squares_NSSC, (patch, patch), axis=(1, 2))
    found_MCpp = windows[np.arange(images)[:, None], places[..., 0], places[..., 1]].reshape(-1, *windows.shape[3:])
    return _normalised(torch.from_numpy(found_MCpp.reshape(len(found_MCpp), -1).astype(np.float32) / 255)).numpy()


def _whitening(sample_MV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean [V], symmetric whitening [V, V]) of patches (ZCA)."""
    spread, basis = np.linalg.eigh(np.cov(sample_MV, rowvar=False, dtype=np.float64))
    return sample_MV.mean(axis=0), ((basis / np.sqrt(np.maximum(spread, 0) + _WHITENING)) @ basis.T).astype(np.float32)


def _centres(white_MV: np.ndarray, count: int) -> np.ndarray:
    """Return the centres, [K, V], from random patches as seeds."""
    number = int(key(0, "patch centres") & np.uint64(0x7FFFFFFF))
    means = MiniBatchKMeans(count, init="random", n_init=1, batch_size=8_192, max_iter=10, random_state=number)
    # One thread: the sums of several threads depend on how many there are.
    with threadpool_limits(limits=1):
        return means.fit(white_MV).cluster_centers_
