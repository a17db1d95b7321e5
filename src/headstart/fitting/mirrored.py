"""May images be mirrored: can an image be told from its mirrored version (visual chirality: Lin et al., CVPR 2020)?

Letters, digits and shoes that all point one way can be told, flowers and cells cannot: where left and right mean
something, mirrored views teach what is not in the data. Whether a mirrored image falls into another cluster of simple
vectors says less: it does for .36 to .85 of flowers and cells, and for .18 to .31 of clothes (docs/decisions.md).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from headstart.vectors.hog import histograms

FEWEST = 100  # images, below which nothing is asked
_FOLDS, _STEPS = 2, 200
_TOLD = 0.6  # share of images told from their mirrored ones, from which they are not to be mirrored


@dataclass(frozen=True)
class Mirrored:
    """Whether images may be mirrored. told: share of `images` that were told from their mirrored versions, .5 by
    chance; low: its lower 95 % limit (Clopper and Pearson); both are nan where there were too few images to ask."""

    told: float
    low: float
    images: int

    @property
    def allowed(self) -> bool:
        """Whether mirrored images may be shown; where nothing is known they may."""
        return not (self.told >= _TOLD and self.low > 0.5)

    def reason(self) -> str:
        """Return why, in words."""
        if self.told != self.told:
            return f"fewer than {FEWEST} images cannot show that left and right differ"
        told = f"{self.told:.0%} of them are told from their mirrored versions, 50 % by chance"
        return f"left and right look alike ({told})" if self.allowed else f"left and right differ ({told})"


def mirrored(grey_NSS: np.ndarray) -> Mirrored:
    """Return whether images may be mirrored; uint8 [N, S, S], their middle squares, S a side of histograms (`hog.py`).

    A linear classifier of gradient histograms is shown the differences between images and their mirrored versions; of
    held-out images it says which of the two is the image.
    """
    count = len(grey_NSS)
    if count < FEWEST:
        return Mirrored(np.nan, np.nan, count)
    apart_ND = histograms(grey_NSS / np.float32(255)) - histograms(grey_NSS[:, :, ::-1] / np.float32(255))
    fold_N, right_N = np.arange(count) % _FOLDS, np.zeros(count)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an early stop moves no sign
        for fold in range(_FOLDS):
            rest = apart_ND[fold_N != fold]
            # Each difference and its opposite, so that neither side is more frequent; no intercept for the same reason.
            sides = np.repeat([1, 0], len(rest))
            model = LogisticRegression(fit_intercept=False, max_iter=_STEPS).fit(np.concatenate([rest, -rest]), sides)
            score_N = apart_ND[fold_N == fold] @ model.coef_[0]
            right_N[fold_N == fold] = (score_N > 0) + 0.5 * (score_N == 0)  # a symmetric image says nothing
    low = float(binomtest(int(right_N.sum()), count).proportion_ci().low)
    return Mirrored(float(right_N.mean()), low, count)
