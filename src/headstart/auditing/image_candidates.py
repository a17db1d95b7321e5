"""Which images may be copies of which: whole images beside views of others, in cells so that few pairs are compared.

A view is what a copy may show of an image: all of it, mirrored, upside down, or a window of .9 or .95 of its sides. Of
each view 12 x 12 means are taken and their differences as a unit vector; a copy lies beside the view that it shows.
Vectors are looked for among those whose k-means cell is near (an inverted file: Sivic and Zisserman 2003), along 64
leading directions, which take no two vectors further apart than they are.
Shapes: V views of an image, G numbers of a view, K = 64 numbers of it along the directions, Q queries, H hits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from headstart.auditing.image_looks import SKETCH
from headstart.auditing.image_sketches import Sketches

_MEANS = 12  # of a side of a view
_STEP = 0.025  # share of a side between two windows: less than half a pixel of the means
_WINDOWS = tuple(
    (left, top, share) for share in (0.95, 0.9) for left, top in product(np.arange(0, 1.001 - share, _STEP), repeat=2)
)
WHOLE, MIRRORED, UPSIDE_DOWN = 0, 1, 2  # views of all of an image; the windows follow
VIEWS = 3 + len(_WINDOWS)
_APART = 0.32  # between a copy and the view that it shows, at most: cosine .949
_DIRECTIONS, _PER_CELL, _MOST_CELLS, _MOST_OF_CELL, _PROBES = 64, 256, 512, 1_024, 4
_SAMPLE, _PORTION = 20_000, 1_024
_MATES = (8, 4)  # pairs of an image that are looked at closely: as whole images, as windows


def _reducing(left: float, share: float) -> np.ndarray:
    """Return the means of a window of one side as weights of the pixels of a sketch, float32 [12, 32]."""
    step = share * SKETCH / _MEANS
    centre = left * SKETCH + (np.arange(_MEANS) + 0.5) * step
    weight = np.clip(1 - np.abs(np.arange(SKETCH) + 0.5 - centre[:, None]) / step, 0, None)
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


_SIDES = tuple(dict.fromkeys([(0.0, 1.0), *((left, share) for left, _, share in _WINDOWS)]))  # parts of one side
_REDUCE = np.concatenate([_reducing(*side) for side in _SIDES])  # [parts x 12, 32]
_PLACES = tuple((_SIDES.index((left, share)), _SIDES.index((top, share))) for left, top, share in _WINDOWS)


def box_of(view: np.ndarray) -> np.ndarray:
    """Return where windows lie on a sketch: left, top, width, height in pixels, float64 [H, 4]."""
    boxes = np.array([(left, top, share, share) for left, top, share in _WINDOWS]) * SKETCH
    return boxes[view - 3]


def view_vectors(sketches: Sketches, views: int = VIEWS) -> np.ndarray:
    """Return the first views of each row as vectors of length 1, float32 [N, V, G]; those of a pair are joined."""
    parts = [_image_vectors(sketches.pixels_NPSS[:, number], views) for number in range(sketches.pixels_NPSS.shape[1])]
    return np.concatenate(parts, axis=2) / np.float32(np.sqrt(len(parts)))


def _image_vectors(pixels_NSS: np.ndarray, views: int) -> np.ndarray:
    count, sides = len(pixels_NSS), len(_SIDES)
    # One product along each side gives the means of every pair of parts: [N, parts of the height, 12, of the width, 12]
    down_NSR = pixels_NSS.astype(np.float32).transpose(0, 2, 1) @ _REDUCE.T
    every = (down_NSR.transpose(0, 2, 1) @ _REDUCE.T).reshape(count, sides, _MEANS, sides, _MEANS)
    whole = every[:, 0, :, 0]
    shown = [whole, whole[:, :, ::-1], whole[:, ::-1]]
    shown += [every[:, down, :, across] for across, down in _PLACES[: max(views - 3, 0)]]
    means = np.stack(shown[:views], axis=1)
    rows = [np.diff(means, axis=axis).reshape(count, views, -1) for axis in (2, 3)]
    vectors = np.concatenate([part - part.mean(axis=2, keepdims=True) for part in rows], axis=2)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-6)


class Hits(NamedTuple):
    """Pairs to be looked at closely, int64 [H]: row of the images whose views they are, view, row of the others."""

    row: np.ndarray
    view: np.ndarray
    at: np.ndarray


@dataclass(frozen=True)
class Space:
    """turn_GK: leading directions; centre_CK: the centres of cells along them, float32."""

    turn_GK: np.ndarray
    centre_CK: np.ndarray

    @classmethod
    def of(cls, sketches: Sketches) -> Space:
        """Return the space that some images fill; no image is one too many."""
        rows = np.flatnonzero(sketches.usable_N)
        some = sketches.take(rows[:: max(1, len(rows) // _SAMPLE)])
        vectors = view_vectors(some, 1)[:, 0] if len(some) else np.zeros((1, 1), np.float32)
        turn_GK = np.linalg.eigh(vectors.T @ vectors)[1][:, -_DIRECTIONS:].astype(np.float32)
        if not len(some):
            return cls(turn_GK, np.zeros((1, turn_GK.shape[1]), np.float32))
        cells = min(_MOST_CELLS, 1 + len(rows) // _PER_CELL)
        # One thread: the sums of several threads depend on how many there are.
        with threadpool_limits(limits=1):
            means = KMeans(cells, n_init=1, max_iter=5, init="random", random_state=0).fit(vectors @ turn_GK)
        return cls(turn_GK, means.cluster_centers_.astype(np.float32))

    def nearest(self, points_QK: np.ndarray, count: int) -> np.ndarray:
        """Return the cells nearest to each point, int64 [Q, count]."""
        far_QC = (self.centre_CK**2).sum(axis=1) - 2 * (points_QK @ self.centre_CK.T)
        count = min(count, far_QC.shape[1])
        return np.argpartition(far_QC, count - 1, axis=1)[:, :count]


class Placed:
    """Whole images in the cells of a space, to be found by the views of others."""

    def __init__(self, space: Space, sketches: Sketches) -> None:
        self.space, self.key_N = space, sketches.key_N
        rows = np.flatnonzero(sketches.usable_N)
        parts = (sketches.take(rows[start : start + 8 * _PORTION]) for start in range(0, len(rows), 8 * _PORTION))
        point = [view_vectors(part, 1)[:, 0] @ space.turn_GK for part in parts]
        point_NK = np.concatenate(point) if point else np.zeros((0, space.turn_GK.shape[1]), np.float32)
        cell_N = space.nearest(point_NK, 1)[:, 0]
        order = np.argsort(cell_N, kind="stable")
        bounds = np.searchsorted(cell_N[order], np.arange(len(space.centre_CK) + 1))
        # More images than this in one cell are of a kind that has copies enough among the first.
        self.cells = [order[low : min(high, low + _MOST_OF_CELL)] for low, high in pairwise(bounds)]
        self.rows, self.point_NK, self.half_N = rows, point_NK, (point_NK**2).sum(axis=1) / 2

    def hits(self, sketches: Sketches, skip: int = 0) -> Iterator[Hits]:
        """Yield the nearest few pairs of each row of `sketches`, a portion of rows at a time.

        skip: views that are left out, from the first. Pairs with equal keys are no hits.
        """
        rows = np.flatnonzero(sketches.usable_N)
        for start in range(0, len(rows) if len(self.rows) else 0, _PORTION):
            some = rows[start : start + _PORTION]
            vectors = view_vectors(sketches.take(some))[:, skip:]
            found, far_H = self._close(vectors.reshape(-1, vectors.shape[2]) @ self.space.turn_GK)
            row_H, view_H = some[found[0] // vectors.shape[1]], found[0] % vectors.shape[1] + skip
            at_H = self.rows[found[1]]
            other = sketches.key_N[row_H] != self.key_N[at_H]
            yield _nearest_few(Hits(row_H[other], view_H[other], at_H[other]), far_H[other])

    def _close(self, points_QK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (query, place of an image) of the pairs that are near enough, int64 [2, H]; half squared distances."""
        cell_QP = self.space.nearest(points_QK, _PROBES)
        query_M = np.repeat(np.arange(len(points_QK)), cell_QP.shape[1])
        order = np.argsort(cell_QP.ravel(), kind="stable")
        cell_M, query_M = cell_QP.ravel()[order], query_M[order]
        bounds = np.searchsorted(cell_M, np.arange(len(self.cells) + 1))
        half_Q = (points_QK**2).sum(axis=1) / 2
        pairs, far = [], []
        for members, low, high in zip(self.cells, bounds[:-1], bounds[1:]):
            if not len(members) or low == high:
                continue
            query = query_M[low:high]
            half = half_Q[query, None] + self.half_N[members] - points_QK[query] @ self.point_NK[members].T
            one, other = np.nonzero(half <= _APART**2 / 2)
            pairs.append(np.stack([query[one], members[other]]))
            far.append(half[one, other])
        return np.concatenate([np.zeros((2, 0), np.int64), *pairs], axis=1), np.concatenate([np.zeros(0), *far])


def _nearest_few(hits: Hits, far_H: np.ndarray) -> Hits:
    """Return of each row the nearest others, `_MATES` of them as whole images and as windows, each once."""
    kind_H = (hits.view > UPSIDE_DOWN).astype(np.int64)
    order = np.lexsort((far_H, hits.at, kind_H, hits.row))
    same = np.stack([hits.row, kind_H, hits.at])[:, order]
    order = order[np.append(True, (same[:, 1:] != same[:, :-1]).any(axis=0))[: len(order)]]
    order = order[np.lexsort((far_H[order], kind_H[order], hits.row[order]))]
    group = np.stack([hits.row, kind_H])[:, order]
    starts = np.append(True, (group[:, 1:] != group[:, :-1]).any(axis=0))[: len(order)]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    kept = order[rank < np.array(_MATES)[kind_H[order]]]
    return Hits(*(part[kept] for part in hits))
