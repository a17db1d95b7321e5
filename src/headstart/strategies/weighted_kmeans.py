"""The rows nearest to the centres of clusters in which uncertain rows count for more (Zhdanov 2019, 1901.05954)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.spec import StrategySpec
from headstart.vectors.clusters import central_rows


@dataclass(frozen=True, kw_only=True)
class WeightedKmeans(StrategySpec):
    """share: of the rows that are looked at, those of the smallest margins; power: of the uncertainty as a weight."""

    probabilities: ClassVar[bool] = True
    default: ClassVar[Literal["model"]] = "model"
    share: float = 0.2
    power: float = 1.0

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return one row for each of `count` clusters, the heaviest cluster first."""
        weight_N = candidates.uncertain_N**self.power + 1e-6
        among = np.argsort(-weight_N, kind="stable")[: max(count, round(self.share * len(candidates)))]
        return among[central_rows(candidates.vectors_ND[among], count, seed=seed, weight_N=weight_N[among])]
