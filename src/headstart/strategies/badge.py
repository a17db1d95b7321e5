"""Rows whose gradients at the linear head are large and differ: BADGE (Ash et al. 2020, arXiv 1906.03671)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.seeds import numpy_generator
from headstart.core.spec import StrategySpec


@dataclass(frozen=True, kw_only=True)
class Badge(StrategySpec):
    """It has no settings."""

    probabilities: ClassVar[bool] = True

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return k-means++ seeds among the gradients, as if the most probable class were the right one.

        A gradient is the outer product of (p - one-hot) and the vector, so a product of two gradients is the product of
        two products: the C x D numbers of a row are never made.
        """
        random = numpy_generator(seed, "badge")
        vectors = candidates.vectors_ND.astype(np.float64)
        error_NC = np.array(candidates.probabilities_NC, np.float64)
        error_NC[np.arange(len(error_NC)), error_NC.argmax(axis=1)] -= 1.0
        size_N = (error_NC**2).sum(axis=1) * (vectors**2).sum(axis=1)
        chosen = [int(size_N.argmax())]
        nearest = np.full(len(candidates), np.inf)
        while len(chosen) < count:
            last = chosen[-1]
            product_N = (error_NC @ error_NC[last]) * (vectors @ vectors[last])
            nearest = np.minimum(nearest, np.maximum(size_N + size_N[last] - 2 * product_N, 0.0))
            nearest[chosen] = 0.0
            chosen.append(_drawn(nearest, chosen, random))
        return np.array(chosen)


def _drawn(weight_N: np.ndarray, chosen: list[int], random: np.random.Generator) -> int:
    """Return a row drawn in proportion to its weight; where no weight is left, one that is not chosen yet."""
    if weight_N.sum() <= 0:
        weight_N = np.ones(len(weight_N))
        weight_N[chosen] = 0.0
    return int(random.choice(len(weight_N), p=weight_N / weight_N.sum()))
