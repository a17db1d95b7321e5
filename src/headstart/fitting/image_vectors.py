"""Vectors of images without a network as linear models see them: standardised, length 1, made once per image.

Shapes: N images, D columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.core.examples import Examples, ImageRef
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import check_kind
from headstart.fitting.unlabelled import LOOKED_AT, sample_documents
from headstart.images.decode import UnusableImage, decode
from headstart.images.squares import shapes, squares
from headstart.vectors.image_vectoriser import ImageVectoriser
from headstart.vectors.transform import pair_features, unit_rows

_POOL = 2_000  # unlabelled images that vectorisers and statistics are learned from
_TRIED = 100
_PRIOR = 10.0  # rows that each column is lent of the mean variance: from 10 labelled rows no column has a sure one


@dataclass(frozen=True)
class Learned:
    """A vectoriser and the statistics of its columns. center_D, scale_D: float32."""

    vectoriser: ImageVectoriser
    center_D: np.ndarray
    scale_D: np.ndarray

    @classmethod
    def of(cls, kind: type[ImageVectoriser], squares_NSSC: np.ndarray, settings: dict[str, Any]) -> Learned:
        """Learn both from squares. Raises HeadstartError: a side or a setting that does not fit."""
        vectoriser = kind.learn(squares_NSSC, **settings)
        return cls(vectoriser, *_statistics(vectoriser.rows(squares_NSSC), kind.one_scale))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays."""
        data, arrays = self.vectoriser.parts()
        return data, {**arrays, "center": self.center_D, "scale": self.scale_D}

    @classmethod
    def from_parts(cls, kind: type[ImageVectoriser], data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Learned:
        """Rebuild from `parts()`; both may hold more."""
        return cls(kind.from_parts(data, arrays), arrays["center"], arrays["scale"])


@dataclass(frozen=True)
class _Reader:
    """Learned columns of one kind, for a cache that reads what it kept."""

    kind: type[ImageVectoriser]

    def from_parts(self, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Learned:
        return Learned.from_parts(self.kind, data, arrays)


@dataclass(frozen=True)
class ImageVectors:
    """How images become rows of a matrix: a vectoriser, then (v - center) / scale, then length 1.

    source: what the columns were learned from, in words. pairs: whether examples hold two images. workspace: keeps the
    vectors that a comparison has made, or None: nothing is kept, as in a model that was opened from files.
    """

    learned: Learned
    source: str
    pairs: bool
    workspace: RouteWorkspace | None = None

    @classmethod
    def of(
        cls,
        examples: Examples,
        workspace: RouteWorkspace,
        kind: type[ImageVectoriser],
        *,
        side: int | None = None,
        **settings: Any,
    ) -> ImageVectors:
        """Return the vectors for examples like these; what is learned is learned from the unlabelled images where there
        are some, else from the images of `examples`, without labels.

        side: of the squares, None: that which is usual for images of this size. settings: of the vectoriser. Raises
        HeadstartError: a side or a setting that does not fit; UnusableImage.
        """
        items = [*examples.items, *(examples.second or ())]
        seen = workspace.once("image shapes", dict)
        new = {item.digest: item for item in items if item.digest not in seen}
        seen.update(zip(new, shapes(list(new.values()))))
        shape_N2 = np.stack([seen[item.digest] for item in items])
        if side is None:
            side = kind.usual_side(int(np.median(shape_N2[:, 0])))
        grey = not kind.reads_colour or bool((shape_N2[:, 1] == 1).all())

        def from_pool() -> Learned:
            return Learned.of(kind, _usable_squares(sample_documents(workspace, _POOL), side, grey), settings)

        if pooled := workspace.once("images in the pool", lambda: _has_pool(workspace)):
            key = ("image columns", kind.__name__, side, grey, *sorted(settings.items()))
            learned = workspace.kept(key, LOOKED_AT, _Reader(kind), from_pool)
        else:
            learned = Learned.of(kind, squares(items, side, grey=grey), settings)
        return cls(learned, "corpus" if pooled else "training rows", examples.second is not None, workspace)

    def plain(self, images: Sequence[ImageRef]) -> np.ndarray:
        """Return what the vectoriser gives, float32 [N, D]; in a workspace each different image is decoded once.

        Memory: 4 D bytes per different image ever asked for.
        """
        vectoriser = self.learned.vectoriser
        if self.workspace is None or not len(images):
            return vectoriser.embed(images)
        key = ("image vectors", type(vectoriser).__name__, vectoriser.identity)
        return self.workspace.each(key, images, vectoriser.embed)

    def features(self, examples: Examples) -> np.ndarray:
        """Return float32 [N, D], rows of length 1; of pairs their `pair_features`, [N, 4 D].

        Raises HeadstartError: pairs where single images are read, or reversed; UnusableImage.
        """
        check_kind(self.pairs, examples)
        first = self._rows(examples.items)
        return first if examples.second is None else pair_features(first, self._rows(examples.second))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays; `from_parts` reads them."""
        data, arrays = self.learned.parts()
        return data | {"source": self.source, "pairs": self.pairs}, arrays

    @classmethod
    def from_parts(
        cls, kind: type[ImageVectoriser], data: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> ImageVectors:
        """Rebuild from `parts()`; both may hold more."""
        return cls(Learned.from_parts(kind, data, arrays), data["source"], data["pairs"])

    def _rows(self, images: Sequence[ImageRef]) -> np.ndarray:
        return unit_rows((self.plain(images) - self.learned.center_D) / self.learned.scale_D)


def _has_pool(workspace: RouteWorkspace) -> bool:
    """Whether there are unlabelled images to learn from: two of the first hundred can be decoded."""
    first = itertools.islice(workspace.documents(), _TRIED) if workspace.has_documents else ()
    usable = (one for one in first if isinstance(one, ImageRef) and _usable(one))
    return len(list(itertools.islice(usable, 2))) == 2


def _usable_squares(images: Sequence[ImageRef], side: int, grey: bool) -> np.ndarray:
    """Return the squares; images that cannot be decoded are left out."""
    try:
        return squares(images, side, grey=grey)
    except UnusableImage:
        return squares([image for image in images if _usable(image)], side, grey=grey)


def _usable(image: ImageRef) -> bool:
    try:
        decode(image, side=1)
    except UnusableImage:
        return False
    return True


def _statistics(rows_ND: np.ndarray, one_scale: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean, standard deviation) of each column, float32 [D]; no deviation is near 0, see `_PRIOR`.

    A pixel that is black in all rows has variance 0; divided by it, a new image with light there would be that pixel.
    one_scale: all deviations are the root of the mean variance.
    """
    variance_D = rows_ND.var(axis=0, dtype=np.float64)
    rows = 0 if one_scale else len(rows_ND)
    shrunk_D = (rows * variance_D + _PRIOR * variance_D.mean()) / (rows + _PRIOR)
    return rows_ND.mean(axis=0, dtype=np.float64).astype(np.float32), np.sqrt(shrunk_D + 1e-12).astype(np.float32)
