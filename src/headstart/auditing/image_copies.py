"""Near copies of images: gradients of a small thumbnail that are nearly the same, with about the same mean colour.

A fold is a string of fixed length: SHA-256 of the decoded pixels, shape, mean colour, gradients (`image_looks.py`).
Two unit vectors with cosine c are sqrt(2 - 2 c) apart, and no projection takes them further apart: pairs are looked for
by 64 leading directions, which loses none, and those that are left are compared in full. Along the leading one alone
most pairs are too far apart already, so that only a band of all pairs is looked at.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.auditing.image_looks import GRADIENTS, Look

SIMILAR = 0.992  # cosine of the gradients of near copies; see `image_items.py` for what was measured
COLOUR = 32.0  # levels of 255 by which a mean channel may differ: brightness changed by an eighth
ASPECT = 0.08  # difference of log(width / height): rounding when a small image is made smaller
_HEAD = 16 + 4 + 3 + 1  # bytes: digest, log of width / height as float32, mean colour, nothing
_BYTES = _HEAD + GRADIENTS + 1  # a multiple of 3, so that joined folds are read at once
FOLD = _BYTES * 4 // 3  # characters of a fold
_DIRECTIONS, _MATES, _ROWS = 64, 16, 256
_REACH = np.sqrt(2 - 2 * SIMILAR) + 1e-4  # how far unit vectors of near copies may be apart, with room for rounding


def fold(look: Look) -> str:
    """Return the fold of an image, `FOLD` characters."""
    aspect = np.float32(np.log(look.width / look.height) if look.height else 0.0)
    colour = np.rint(look.mean_3).astype(np.uint8)
    head = look.pixels + aspect.tobytes() + colour.tobytes() + b"\0"
    return base64.b64encode(head + look.gradients.tobytes() + b"\0").decode()


@dataclass(frozen=True)
class Sketches:
    """N folds of P images each (1, or 2 for pairs), as numbers.

    unit_NPG: float32, gradients of length 1, or 0 where there are none. colour_NP3, aspect_NP: float32. usable_N:
    whether all images have gradients.
    """

    unit_NPG: np.ndarray
    colour_NP3: np.ndarray
    aspect_NP: np.ndarray
    usable_N: np.ndarray

    @classmethod
    def of(cls, folds: Sequence[str]) -> Sketches:
        """Read N folds of equal length."""
        images = len(folds[0]) // FOLD if len(folds) else 1
        raw = np.frombuffer(base64.b64decode("".join(folds)), np.uint8).reshape(len(folds), images, _BYTES)
        gradients = raw[:, :, _HEAD : _HEAD + GRADIENTS].view(np.int8).astype(np.float32)
        length_NP1 = np.linalg.norm(gradients, axis=2, keepdims=True)
        aspect_NP = np.ascontiguousarray(raw[:, :, 16:20]).view(np.float32)[:, :, 0]
        colour_NP3 = raw[:, :, 20:23].astype(np.float32)
        return cls(gradients / np.maximum(length_NP1, 1.0), colour_NP3, aspect_NP, (length_NP1 > 0).all(axis=(1, 2)))

    def __len__(self) -> int:
        return len(self.unit_NPG)

    def take(self, rows: np.ndarray) -> Sketches:
        """Return the sketches at these places."""
        return Sketches(self.unit_NPG[rows], self.colour_NP3[rows], self.aspect_NP[rows], self.usable_N[rows])

    @property
    def joined(self) -> np.ndarray:
        """Unit vectors of whole rows, float32 [N, P G]: where each part has a cosine, theirs is the mean of these."""
        images, width = self.unit_NPG.shape[1:]
        return self.unit_NPG.reshape(len(self), images * width) / np.sqrt(images)

    def similarity(self, rows: np.ndarray, other: Sketches, at: np.ndarray) -> np.ndarray:
        """Return the least cosine of the parts of each pair, float [M]; 0 where colour or shape differ."""
        cosine_M = np.einsum("mpg,mpg->mp", self.unit_NPG[rows], other.unit_NPG[at]).min(axis=1)
        colour_M = np.abs(self.colour_NP3[rows] - other.colour_NP3[at]).max(axis=(1, 2))
        aspect_M = np.abs(self.aspect_NP[rows] - other.aspect_NP[at]).max(axis=1)
        return np.where((colour_M <= COLOUR) & (aspect_M <= ASPECT), cosine_M, 0.0)


def directions(sketches: Sketches) -> np.ndarray:
    """Return the leading directions of these rows, float32 [P G, 64], orthonormal."""
    rows = sketches.joined[:: max(1, len(sketches) // 10_000)]
    return np.linalg.eigh(rows.T @ rows)[1][:, -_DIRECTIONS:].astype(np.float32)


def best(mine: Sketches, other: Sketches, turn: np.ndarray, barred: Sequence[np.ndarray]) -> np.ndarray:
    """Return for each of N rows the place of the likest near copy in `other`, or -1, int64 [N].

    turn: `directions` of either side. barred: (rows of mine, places in other) that are no copies, as they are the same.
    """
    found_N = np.full(len(mine), -1, np.int64)
    one, two = mine.joined @ turn, other.joined @ turn
    # Both sides lie in the order of the leading direction, where near copies are as near as anywhere: of most images
    # only the few beside it need be compared.
    row_order, at_order = np.argsort(one[:, -1], kind="stable"), np.argsort(two[:, -1], kind="stable")
    one, two = one[row_order], two[at_order]
    # [a, -|a|^2 / 2, 1] . [b, 1, -|b|^2 / 2] = -|a - b|^2 / 2, so that one product gives the distances of all pairs.
    half_N, half_M = ((rows**2).sum(axis=1, keepdims=True) / 2 for rows in (one, two))
    left = np.hstack([one, -half_N, np.ones_like(half_N)])
    right = np.hstack([two, np.ones_like(half_M), -half_M]).T
    left[~mine.usable_N[row_order], -2], right[-1, ~other.usable_N[at_order]] = -np.inf, -np.inf
    barred_rows, barred_at = np.argsort(row_order)[barred[0]], np.argsort(at_order)[barred[1]]
    order = np.argsort(barred_rows, kind="stable")
    barred_rows, barred_at = barred_rows[order], barred_at[order]
    for start in range(0, len(mine), _ROWS):
        stop = min(start + _ROWS, len(mine))
        low, high = np.searchsorted(two[:, -1], [one[start, -1] - _REACH, one[stop - 1, -1] + _REACH])
        near = left[start:stop] @ right[:, low:high]
        same = slice(*np.searchsorted(barred_rows, [start, stop]))
        inside = (barred_at[same] >= low) & (barred_at[same] < high)
        near[barred_rows[same][inside] - start, barred_at[same][inside] - low] = -np.inf
        rows = np.flatnonzero(near.max(axis=1, initial=-np.inf) >= SIMILAR - 1 - 1e-5)
        if not len(rows):
            continue
        count = min(_MATES, near.shape[1])  # the nearest few of each row; colour and shape may rule some out
        at = np.argpartition(near[rows], -count, axis=1)[:, -count:]
        own, its = row_order[start + rows], at_order[low + at]
        likeness = mine.similarity(np.repeat(own, count), other, its.ravel()).reshape(at.shape)
        likeness[np.take_along_axis(near[rows], at, axis=1) < SIMILAR - 1 - 1e-5] = 0.0
        place = likeness.argmax(axis=1)
        good = likeness[np.arange(len(rows)), place] >= SIMILAR
        found_N[own[good]] = its[np.arange(len(rows)), place][good]
    return found_N


def partners(folds: Sequence[str]) -> np.ndarray:
    """Return for each of N different folds the place of a near copy, int64 [N], -1 for none; both of two have one."""
    sketches = Sketches.of(folds)
    if len(folds) < 2:
        return np.full(len(folds), -1, np.int64)
    own = np.arange(len(folds))
    found_N = best(sketches, sketches, directions(sketches), (own, own))
    rows = np.flatnonzero(found_N >= 0)
    lonely = rows[found_N[found_N[rows]] < 0]  # their mates took others first, which were then ruled out
    found_N[found_N[lonely]] = lonely
    return found_N


class NearImages:
    """N different reference folds compared with a stream of folds; found_N: a near copy, or -1 (`NearIndex`)."""

    def __init__(self, folds: Sequence[str]):
        self.place = {one: number for number, one in enumerate(folds)}
        self.sketches = Sketches.of(folds)
        self.turn = directions(self.sketches)
        self.found_N = np.full(len(folds), -1, np.int64)

    def add(self, folds: Sequence[str]) -> None:
        """Compare the next different folds; references without a match get a place in `folds` in `found_N`."""
        left = np.flatnonzero(self.found_N < 0)
        if not len(folds) or not len(left):
            return
        number_N = np.full(len(self.found_N), -1, np.int64)
        number_N[left] = np.arange(len(left))
        same = [(number_N[self.place[one]], at) for at, one in enumerate(folds) if one in self.place]
        same_M2 = np.array([pair for pair in same if pair[0] >= 0], np.int64).reshape(-1, 2)
        self.found_N[left] = best(self.sketches.take(left), Sketches.of(folds), self.turn, same_M2.T)
