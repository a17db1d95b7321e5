"""Typical rows of the largest clusters that hold no label yet: TypiClust (Hacohen et al. 2022, arXiv 2202.02794)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from headstart.core.candidates import Candidates
from headstart.core.spec import StrategySpec
from headstart.vectors.clusters import cluster

_BLOCK = 512  # rows compared with all others of their cluster at once


@dataclass(frozen=True, kw_only=True)
class Typical(StrategySpec):
    """neighbours: a row is typical when it is near to so many others of its cluster."""

    default: ClassVar[Literal["start"]] = "start"
    neighbours: int = 20

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> np.ndarray:
        """Return one row for each cluster, as many clusters as there are known and asked-for rows."""
        known = 0 if candidates.known_MD is None else len(candidates.known_MD)
        vectors = candidates.vectors_ND if not known else np.concatenate([candidates.vectors_ND, candidates.known_MD])
        number_N = cluster(vectors, known + count, seed=seed)
        own_N, held = number_N[: len(candidates)], np.bincount(number_N[len(candidates) :], minlength=known + count)
        size = np.bincount(own_N, minlength=known + count)
        chosen: list[int] = []
        for one in np.lexsort((-size, held)):
            rows = np.flatnonzero(own_N == one)
            if len(rows) and len(chosen) < count:
                chosen.append(int(rows[self._typicality(candidates.vectors_ND[rows]).argmax()]))
        others = np.setdiff1d(np.arange(len(candidates)), chosen)
        return np.concatenate([np.array(chosen, np.int64), others])[:count]

    def _typicality(self, vectors_RD: np.ndarray) -> np.ndarray:
        """Return the mean cosine of each row with its nearest rows, itself included, [R]."""
        kept = min(self.neighbours + 1, len(vectors_RD))
        found = []
        for start in range(0, len(vectors_RD), _BLOCK):
            cosine_BR = vectors_RD[start : start + _BLOCK] @ vectors_RD.T
            found.append(np.partition(cosine_BR, len(vectors_RD) - kept, axis=1)[:, -kept:].mean(axis=1))
        return np.concatenate(found)
