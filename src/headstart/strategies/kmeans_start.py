"""The rows nearest to the centres of k-means clusters of all rows, for the first labels (Hu et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.spec import StrategySpec
from headstart.vectors.clusters import central_rows


@dataclass(frozen=True, kw_only=True)
class KmeansStart(StrategySpec):
    """It has no settings."""

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return one row for each of `count` clusters, the largest cluster first."""
        return central_rows(candidates.vectors_ND, count, seed=seed)
