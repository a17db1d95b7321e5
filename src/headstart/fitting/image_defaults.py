"""What a run on images takes from a look at some of them: grey or colour, size, whether views may be mirrored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from headstart.core.examples import ImageRef
from headstart.core.seeds import numpy_generator
from headstart.fitting.mirrored import Mirrored, mirrored
from headstart.images.augmentation import LUMA
from headstart.images.decode import UnusableImage, size
from headstart.images.squares import squares

_AMONG, _LOOKED_AT = 20_000, 1_000  # images that some are drawn from, those that are decoded
_SIDE = 24  # px of the squares that are looked at
_LONG = 1.2  # longer side by the shorter one, from which the middle square is told of


@dataclass(frozen=True)
class ImageLook:
    """images: how many were looked at. grey: whether none has colour. width, height: the usual ones in pixels."""

    images: int
    grey: bool
    width: int
    height: int
    mirrored: Mirrored

    def line(self) -> str:
        """Return what is seen, in one line."""
        square = ""
        if max(self.width, self.height) > _LONG * min(self.width, self.height):
            square = ", of which the middle square is taken"
        kind = "grey" if self.grey else "colour"
        views = "mirrored views are drawn" if self.mirrored.allowed else "no mirrored views are drawn"
        told = f"{self.images:,} images looked at: {kind}, {self.width} x {self.height} pixels{square}; {views}"
        return f"{told}: {self.mirrored.reason()}"


def look_at(images: Iterable[ImageRef], seed: int = 0) -> ImageLook | None:
    """Return what 1,000 of the first 20,000 images have in common, None where none of them is usable."""
    random, drawn = numpy_generator(seed, "images looked at"), []
    for number, image in enumerate(islice(images, _AMONG)):
        # Every image is equally likely among those kept (algorithm R: Vitter 1985); none of the others stays in memory.
        place = number if number < _LOOKED_AT else int(random.integers(number + 1))
        if place < _LOOKED_AT:
            drawn[place : place + 1] = [image]
    found, sizes = [], []
    for image in drawn:
        try:
            found.append(squares([image], _SIDE, grey=False)[0])
            sizes.append(size(image))
        except UnusableImage:  # the ledger of the run names it
            continue
    if not found:
        return None
    squares_NSSC = np.stack(found)
    width, height = np.median(sizes, axis=0).astype(int)
    grey_NSS = squares_NSSC @ np.float32(LUMA)
    grey = bool((squares_NSSC == squares_NSSC[..., :1]).all())
    return ImageLook(len(found), grey, int(width), int(height), mirrored(grey_NSS))
