"""The rows on which the two most probable classes are nearest (Scheffer et al. 2001, margin sampling)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.spec import StrategySpec


@dataclass(frozen=True, kw_only=True)
class Margin(StrategySpec):
    """It has no settings and draws nothing."""

    probabilities: ClassVar[bool] = True

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return the rows of the smallest margins."""
        return np.argsort(-candidates.uncertain_N, kind="stable")[:count]
