"""What metrics share that depend on class counts alone: hits, true and predicted rows of each class."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class CountMetric(ABC):
    """`of_counts` scores many weightings of the same rows at once; it agrees with the metric's `score`."""

    @abstractmethod
    def of_counts(self, hits_XC: np.ndarray, true_XC: np.ndarray, said_XC: np.ndarray) -> np.ndarray:
        """Return X scores. hits, true, said: (weighted) rows of class C that are rightly so called, so, so called.

        The classes are those that occur at all, in truth or prediction, whatever their weight.
        """
