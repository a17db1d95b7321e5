"""Principal components of pixels (Turk and Pentland 1991, "Eigenfaces"), learned from unlabelled images.

Shapes: N images, D components, P pixels of all channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from headstart.vectors.image_vectoriser import ImageVectoriser
from headstart.vectors.pixels import PixelVectors

_SIDE = 32


@dataclass(frozen=True)
class PcaVectors(ImageVectoriser):
    """Coordinates on the components; one scale for all of them, as in the images themselves (not whitened)."""

    side: int
    grey: bool
    mean_P: np.ndarray
    components_DP: np.ndarray
    reads_colour: ClassVar[bool] = True
    one_scale: ClassVar[bool] = True

    @classmethod
    def usual_side(cls, shorter: int) -> int:
        """Return that of the images, at most 32."""
        return min(shorter, _SIDE)

    @classmethod
    def learn(cls, squares_NSSC: np.ndarray, *, components: int = 64) -> Self:
        """Learn at most so many components, fewer from few images."""
        pixels_NP = PixelVectors.learn(squares_NSSC).rows(squares_NSSC)
        with threadpool_limits(limits=1):
            found = PCA(min(components, *pixels_NP.shape), svd_solver="covariance_eigh").fit(pixels_NP)
        side, channels = squares_NSSC.shape[2:]
        return cls(side, channels == 1, found.mean_.astype(np.float32), found.components_.astype(np.float32))

    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D]."""
        return (PixelVectors(self.side, self.grey).rows(squares_NSSC) - self.mean_P) @ self.components_DP.T
