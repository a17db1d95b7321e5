"""The items nearest to others by a network's vectors, among as many as a few seconds allow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.training.pretrained_model import PretrainedModel

_TRIED, _MOST, _SECONDS = 16, 2_000, 2.0


class NearestItems:
    """Finds the nearest among some items, which are read once.

    The vectors are standardised by those of `among`, of which at most 2,000 are looked at: evenly spread, and as many
    as two seconds allow.
    """

    def __init__(self, base: PretrainedModel, among: Sequence[Any]) -> None:
        self._base, begun = base, time.monotonic()
        base.embed(among[:_TRIED])
        allowed = int(_SECONDS / max(time.monotonic() - begun, 1e-6) * _TRIED)
        self._places = np.unique(
            np.linspace(0, len(among) - 1, min(len(among), max(allowed, 4 * _TRIED), _MOST)).astype(np.int64)
        )
        known = base.embed([among[place] for place in self._places])
        self._mean, self._spread = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
        self._known = self._unit(known)

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        found = (vectors - self._mean) / self._spread
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def of(self, wanted: Sequence[Any], count: int) -> np.ndarray:
        """Return for each of N items the places of the `count` nearest, nearest first, int64 [N, count].

        Fewer where there are fewer.
        """
        cosine = self._unit(self._base.embed(list(wanted))) @ self._known.T
        return self._places[np.argsort(-cosine, axis=1, kind="stable")[:, :count]]
