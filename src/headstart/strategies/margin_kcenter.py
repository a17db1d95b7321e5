"""Uncertain rows far from each other: the smallest margins thinned by greedy k-center (Sener & Savarese 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.spec import StrategySpec


@dataclass(frozen=True, kw_only=True)
class MarginKcenter(StrategySpec):
    """factor: how many times the asked-for rows are looked at, those of the smallest margins."""

    probabilities: ClassVar[bool] = True
    factor: int = 10

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return the most uncertain row, then each time the row farthest from those chosen and known."""
        among = np.argsort(-candidates.uncertain_N, kind="stable")[: self.factor * count]
        vectors = candidates.vectors_ND[among]
        nearest = np.full(len(among), np.inf)
        if candidates.known_MD is not None and len(candidates.known_MD):
            nearest = 1.0 - (vectors @ candidates.known_MD.T).max(axis=1)
        chosen = [0]
        while len(chosen) < count:
            nearest = np.minimum(nearest, 1.0 - vectors @ vectors[chosen[-1]])
            nearest[chosen] = -np.inf
            chosen.append(int(nearest.argmax()))
        return among[chosen]
