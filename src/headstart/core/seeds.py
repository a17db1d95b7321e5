"""Randomness as a pure function of its keys, so that a resumed run seeks and never replays.

`KeyedRandom(seed, epoch).uniform(sample, position)` gives the same number for the same keys whatever the batch,
the order or the number of earlier calls. Source of the mixer: splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def _mix(x: np.ndarray) -> np.ndarray:
    """Finalise 64-bit words; arithmetic wraps by design."""
    with np.errstate(over="ignore"):
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * _MIX1
        x = (x ^ (x >> np.uint64(27))) * _MIX2
        return x ^ (x >> np.uint64(31))


def key(*parts: int | str) -> np.uint64:
    """Fold integers and strings into one 64-bit key, the same on every machine."""
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        word = zlib.crc32(part.encode()) if isinstance(part, str) else part & 0xFFFFFFFFFFFFFFFF
        state = _mix(state ^ np.array([word], dtype=np.uint64))
    return state[0]


def numpy_generator(seed: int, *parts: int | str) -> np.random.Generator:
    """Return a numpy generator that depends on nothing but `seed` and `parts`."""
    return np.random.default_rng(int(key(seed, *parts)))


@dataclass(frozen=True)
class KeyedRandom:
    """Uniform numbers keyed by (seed, epoch, stream, sample, position)."""

    seed: int
    epoch: int = 0

    def bits(self, stream: str, sample: np.ndarray, position: np.ndarray | int = 0) -> np.ndarray:
        """Return uint64 [N] for integer arrays `sample` [N] and `position` [N] or a scalar."""
        state = _mix(np.asarray(sample).astype(np.uint64) ^ key(self.seed, self.epoch, stream))
        return _mix(state ^ (np.asarray(position).astype(np.uint64) * _MIX1))

    def uniform(self, stream: str, sample: np.ndarray, position: np.ndarray | int = 0) -> np.ndarray:
        """Return float64 [N] in [0, 1); see `bits`."""
        return (self.bits(stream, sample, position) >> np.uint64(11)).astype(np.float64) * 2.0**-53
