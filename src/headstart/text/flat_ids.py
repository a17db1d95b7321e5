"""Ids of many texts one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from tokenizers import Encoding


def flat_ids(found: Sequence[Encoding]) -> tuple[np.ndarray, np.ndarray]:
    """Return (ids of all texts, int64 [T]; how many each text has, int64 [N]) of what the Rust library found."""
    ids_N = [item.ids for item in found]
    lengths_N = np.fromiter(map(len, ids_N), np.int64, len(ids_N))
    return np.fromiter(chain.from_iterable(ids_N), np.int64, int(lengths_N.sum())), lengths_N
