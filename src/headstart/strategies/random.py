"""Rows at random: what every other strategy is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.seeds import numpy_generator
from headstart.core.spec import StrategySpec


@dataclass(frozen=True, kw_only=True)
class Random(StrategySpec):
    """It has no settings."""

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return rows without replacement."""
        return numpy_generator(seed, "random").permutation(len(candidates))[:count]
