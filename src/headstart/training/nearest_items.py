"""The items nearest to others by a network's vectors, among as many as a few seconds allow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.training.pretrained_model import PretrainedModel

_TRIED, _MOST, _SECONDS = 16, 2_000, 2.0


def nearest_items(base: PretrainedModel, wanted: Sequence[Any], among: Sequence[Any], count: int) -> np.ndarray:
    """Return for each of N items the places of the `count` nearest in `among`, nearest first, int64 [N, count].

    The vectors are standardised by those of `among`, of which at most 2,000 are looked at: evenly spread, and as many
    as two seconds allow. Fewer where there are fewer.
    """
    begun = time.monotonic()
    base.embed(among[:_TRIED])
    allowed = int(_SECONDS / max(time.monotonic() - begun, 1e-6) * _TRIED)
    places = np.unique(
        np.linspace(0, len(among) - 1, min(len(among), max(allowed, 4 * _TRIED), _MOST)).astype(np.int64)
    )
    known = base.embed([among[place] for place in places])
    mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    sides = [(vectors - mean) / spread for vectors in (base.embed(list(wanted)), known)]
    one, other = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9) for side in sides)
    return places[np.argsort(-(one @ other.T), axis=1, kind="stable")[:, :count]]
