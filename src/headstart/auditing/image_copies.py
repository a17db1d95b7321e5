"""Near copies of images: re-encoded, resized, mirrored, upside down, cropped, a little brighter or darker.

Candidates (`image_candidates.py`) are checked by their sketches: what one shows of the other is laid on it, to a
fraction of a pixel for crops (Lucas and Kanade 1981), both are softened, and their slopes must agree. Thresholds and
what they find: docs/audit.md. Shapes: those of `image_sketches.py`; M pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.auditing.image_candidates import MIRRORED, UPSIDE_DOWN, Hits, Placed, Space, box_of
from headstart.auditing.image_looks import SKETCH
from headstart.auditing.image_sketches import Sketches, blurred, cut_out, sides, slopes

SIMILAR = 0.975  # cosine of the slopes of copies on 32 pixels a side; on fewer, which are alike sooner, more
LEVELS = 5.0  # of 255, root mean square, that copies differ by at most after equal brightness and contrast
COLOUR = 32.0  # levels of 255 by which a mean channel may differ: brightness changed by an eighth
ASPECT = 0.08  # difference of log(width / height): rounding when a small image is made smaller
SMALLEST = 0.8  # share of a side that a crop leaves
HOWS = ("resized", "mirrored", "upside_down", "cropped")  # what a near copy may be, by view
_CONTRAST = (0.7, 1.4)
_ROUGH = 0.93  # cosine on 16 pixels a side, below which no crop need be compared in full
_TOGETHER, _ROUNDS = 4_096, 3


def likeness(owner: Sketches, other: Sketches, hits: Hits) -> np.ndarray:
    """Return how surely `other` shows the view of `owner`, 0 to 1, float [H]; 0: it is no copy. Of pairs the least."""
    out = np.zeros(len(hits.row))
    shape_HP = np.abs(owner.aspect_NP[hits.row] - other.aspect_NP[hits.at]).max(axis=1)
    colour_HP = np.abs(owner.colour_NP3[hits.row] - other.colour_NP3[hits.at]).max(axis=(1, 2))
    left = np.flatnonzero((shape_HP <= ASPECT) & (colour_HP <= COLOUR))
    for start in range(0, len(left), _TOGETHER):
        some = left[start : start + _TOGETHER]
        mine, its = owner.take(hits.row[some]), other.take(hits.at[some])
        parts = range(mine.pixels_NPSS.shape[1])
        sure = [_sure(mine, its, part, hits.view[some]) for part in parts]
        out[some] = np.min(sure, axis=0)
    return out


def _sure(owner: Sketches, other: Sketches, part: int, view_M: np.ndarray) -> np.ndarray:
    """Return the cosine of the slopes of one image of each row where it is enough, else 0, float [M]."""
    one, two = (side.pixels_NPSS[:, part].astype(np.float32) for side in (owner, other))
    side_M = sides(owner.short_NP[:, part], other.short_NP[:, part])
    one[view_M == MIRRORED] = one[view_M == MIRRORED, :, ::-1]
    one[view_M == UPSIDE_DOWN] = one[view_M == UPSIDE_DOWN, ::-1]
    out, left = np.zeros(len(view_M)), view_M <= UPSIDE_DOWN
    if len(cropped := np.flatnonzero(~left)):
        box_M4, rough_M = _laid_on(two[cropped], one[cropped], box_of(view_M[cropped]))
        box_M4, cropped = box_M4[rough_M >= _ROUGH], cropped[rough_M >= _ROUGH]
        one[cropped] = cut_out(one[cropped], box_M4, SKETCH)
        left[cropped] = True
    for side in np.unique(side_M[left]):
        rows = np.flatnonzero((side_M == side) & left)
        cosine, levels = _agreement(*(blurred(_reduced(images[rows], int(side))) for images in (one, two)))
        least = 1 - (1 - SIMILAR) * side / SKETCH
        out[rows] = np.where((cosine >= least) & (levels <= LEVELS), cosine, 0.0)
    return out


def _reduced(images_MSS: np.ndarray, side: int) -> np.ndarray:
    """Return sketches on fewer pixels, float32 [M, side, side]."""
    whole = np.tile(np.array([0.0, 0.0, SKETCH, SKETCH]), (len(images_MSS), 1))
    return images_MSS if side == SKETCH else cut_out(images_MSS, whole, side)


def _agreement(one_MLL: np.ndarray, two_MLL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine of the slopes, and the levels by which images differ after equal brightness and contrast."""
    first, second = slopes(one_MLL), slopes(two_MLL)
    cosine_M = (first * second).sum(axis=1) / np.maximum(
        np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1), 1e-6
    )
    first, second = (side.reshape(len(side), side.shape[1] * side.shape[2]) for side in (one_MLL, two_MLL))
    first, second = (side - side.mean(axis=1, keepdims=True) for side in (first, second))
    contrast_M = np.clip((first * second).sum(axis=1) / np.maximum((first**2).sum(axis=1), 1e-6), *_CONTRAST)
    return cosine_M, np.sqrt(((second - contrast_M[:, None] * first) ** 2).mean(axis=1))


def _laid_on(crop_MSS: np.ndarray, whole_MSS: np.ndarray, box_M4: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of `whole` that show `crop` best, begun at these, [M, 4], and the cosine of the slopes there.

    Gauss-Newton steps for place and size of the box, contrast and brightness, at half the resolution of the sketches.
    """
    side = SKETCH // 2
    target_MLL = _reduced(crop_MSS, side)
    across_L = (np.tile(np.arange(side), side) + 0.5).astype(np.float32) / side
    down_L = (np.repeat(np.arange(side), side) + 0.5).astype(np.float32) / side
    for _ in range(_ROUNDS):
        shown = cut_out(whole_MSS, box_M4, side)
        # Levels by pixel of the sketch, from those by pixel of the view.
        dy, dx = (np.gradient(shown, axis=axis).reshape(-1, side * side) for axis in (1, 2))
        dx, dy = dx * (side / box_M4[:, 2:3]).astype(np.float32), dy * (side / box_M4[:, 3:]).astype(np.float32)
        shown = shown.reshape(-1, side * side)
        slope_M6L = np.stack([dx, dy, dx * across_L, dy * down_L, shown, np.ones_like(shown)], axis=1)
        square_M66 = slope_M6L @ slope_M6L.transpose(0, 2, 1)
        # A little of the mean of the diagonal, so that images without detail along one side move little.
        damp = 1e-3 * np.trace(square_M66[:, :4, :4], axis1=1, axis2=2)[:, None] / 4 * np.ones(6) + 1e-3
        square_M66[:, range(6), range(6)] += damp
        wanted_M6 = slope_M6L @ (target_MLL.reshape(shown.shape) - shown)[:, :, None]
        move_M4 = np.linalg.solve(square_M66, wanted_M6)[:, :4, 0].clip(-1, 1)
        box_M4 = box_M4 + move_M4
        box_M4[:, 2:] = box_M4[:, 2:].clip(SMALLEST * SKETCH, SKETCH)
        box_M4[:, :2] = box_M4[:, :2].clip(0, SKETCH - box_M4[:, 2:])
    return box_M4, _agreement(blurred(cut_out(whole_MSS, box_M4, side)), blurred(target_MLL))[0]


class _Best:
    """The surest mate of each of N rows so far. place_N: -1 for none; view_N: what it shows; sure_N: `likeness`."""

    def __init__(self, count: int) -> None:
        self.place_N, self.view_N, self.sure_N = (
            np.full(count, -1, np.int64),
            np.zeros(count, np.int64),
            np.zeros(count),
        )

    def take(self, row: np.ndarray, at: np.ndarray, view: np.ndarray, sure: np.ndarray) -> None:
        """Note pairs that are surer than what a row has."""
        order = np.lexsort((-at, sure))  # of several the surest is written last, of equally sure ones the first
        order = order[sure[order] > self.sure_N[row[order]]]
        self.place_N[row[order]], self.view_N[row[order]], self.sure_N[row[order]] = at[order], view[order], sure[order]


def partners(folds: Sequence[str]) -> np.ndarray:
    """Return for each of N different folds the place of a near copy, int64 [N], -1 for none; both of two have one."""
    best = _Best(len(folds))
    sketches = Sketches.of(folds)
    for hits in Placed(Space.of(sketches), sketches).hits(sketches):
        sure = likeness(sketches, sketches, hits)
        good = sure > 0
        best.take(hits.row[good], hits.at[good], hits.view[good], sure[good])
        best.take(hits.at[good], hits.row[good], hits.view[good], sure[good])
    return best.place_N


def how(one: str, other: str) -> str:
    """Return how two folds, of which one is a near copy of the other, differ: one of `HOWS`."""
    views = np.arange(len(HOWS) - 1)
    hits = Hits(np.zeros_like(views), views, np.zeros_like(views))
    sure_V = likeness(Sketches.of([one]), Sketches.of([other]), hits)
    return HOWS[int(sure_V.argmax())] if sure_V.any() else HOWS[-1]


class NearImages:
    """N different reference folds compared with a stream of folds; found_N: a near copy, or -1 (`NearIndex`)."""

    def __init__(self, folds: Sequence[str]):
        self.sketches = Sketches.of(folds)
        self.space = Space.of(self.sketches)
        self.placed = Placed(self.space, self.sketches)
        self.found_N = np.full(len(folds), -1, np.int64)

    def add(self, folds: Sequence[str]) -> None:
        """Compare the next different folds; references without a match get a place in `folds` in `found_N`."""
        left = np.flatnonzero(self.found_N < 0)
        if not len(folds) or not len(left):
            return
        best, some = _Best(len(self.found_N)), Sketches.of(folds)
        for hits in self.placed.hits(some):  # references that show a view of these
            best.take(hits.at, hits.row, hits.view, likeness(some, self.sketches, hits))
        mine = self.sketches.take(left)
        for hits in Placed(self.space, some).hits(mine, skip=UPSIDE_DOWN + 1):  # these that show a part of a reference
            best.take(left[hits.row], hits.at, hits.view, likeness(mine, some, hits))
        self.found_N[left] = best.place_N[left]
