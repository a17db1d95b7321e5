"""The contract of vectors of images without a network: squares of one size become rows of a matrix.

Shapes: N images, S pixels of a side, C channels, D columns.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np

from headstart.core.examples import ImageRef
from headstart.images.squares import squares

_AT_ONCE = 256  # images; bounds the memory


class ImageVectoriser(ABC):
    """Subclasses are frozen dataclasses: fields are settings and arrays learned from unlabelled images.

    side, grey: of the squares that are read, see `images/squares.py`. reads_colour: whether colour images are read in
    colour. one_scale: whether columns are standardised by one common deviation, not each by its own.
    """

    reads_colour: ClassVar[bool] = False
    one_scale: ClassVar[bool] = False
    side: int
    grey: bool

    @classmethod
    @abstractmethod
    def usual_side(cls, shorter: int) -> int:
        """Return the side for images whose usual shorter side has so many pixels."""

    @classmethod
    @abstractmethod
    def learn(cls, squares_NSSC: np.ndarray, **settings: Any) -> Self:
        """Return what reads squares of that side and that many channels; labels are not used.

        Raises HeadstartError: a side or a setting that does not fit.
        """

    @abstractmethod
    def rows(self, squares_NSSC: np.ndarray) -> np.ndarray:
        """Return float32 [N, D] of uint8 squares."""

    def embed(self, images: Sequence[ImageRef]) -> np.ndarray:
        """Return float32 [N, D]. Raises UnusableImage: an image that cannot be decoded."""
        starts = range(0, max(len(images), 1), _AT_ONCE)
        return np.concatenate(
            [self.rows(squares(images[start : start + _AT_ONCE], self.side, grey=self.grey)) for start in starts]
        )

    @property
    def identity(self) -> str:
        """A hash of settings and of what was learned; equal for equal vectorisers of one class."""
        data, arrays = self.parts()
        state = hashlib.sha256(json.dumps(data, sort_keys=True).encode())
        for array in arrays.values():
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: value for name, value in own.items() if isinstance(value, np.ndarray)}
        return {name: value for name, value in own.items() if name not in arrays}, arrays

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from `parts()`; both may hold more."""
        return cls(**{field.name: (arrays if field.name in arrays else data)[field.name] for field in fields(cls)})


def grey_levels(squares_NSSC: np.ndarray) -> np.ndarray:
    """Return uint8 squares as float32 from 0 to 1, [N, C, S, S]."""
    return np.ascontiguousarray(squares_NSSC.transpose(0, 3, 1, 2), np.float32) / 255
