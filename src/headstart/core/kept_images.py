"""What was made of images, kept for as long as the images themselves are: requests that end leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from headstart.core.examples import ImageRef


class KeptImages:
    """Arrays by image, equal images being one; several threads may ask at once.

    most: bytes of all arrays together; the oldest make room. A comparison that holds its rows reads each image once,
    and a server that drops every request after the answer keeps none.
    """

    def __init__(self, most: int) -> None:
        self.most, self._lock = most, Lock()
        self._arrays: WeakKeyDictionary[ImageRef, np.ndarray] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._arrays)

    def __getstate__(self) -> dict[str, Any]:
        """A copy reads images anew."""
        return {"most": self.most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def of(self, images: Iterable[ImageRef]) -> dict[str, np.ndarray]:
        """Return the arrays that are kept of these images, by digest."""
        with self._lock:
            return {image.digest: array for image in images if (array := self._arrays.get(image)) is not None}

    def add(self, image: ImageRef, array: np.ndarray) -> None:
        """Keep the array of an image."""
        with self._lock:
            self._arrays[image] = array
            while len(self._arrays) * array.nbytes > self.most:  # all are of one size
                self._arrays.pop(next(iter(self._arrays)), None)
