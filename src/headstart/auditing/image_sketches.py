"""Sketches of images: 32 x 32 grey pixels and what else two images are compared by, kept in a string per image.

A fold is a string of fixed length: SHA-256 of the decoded pixels, shape, mean colour, sketch (`image_looks.py`).
Shapes: N rows, P images of a row (1, or 2 for pairs), S = 32 pixels of a side, M pairs of images, L pixels of a side
of a comparison.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.auditing.image_looks import SKETCH, Look

_KEY = 16  # bytes of the digest
_HEAD = _KEY + 4 + 3 + 1  # digest, log of width / height as float32, mean colour, shorter side (0: nothing to see)
_BYTES = _HEAD + SKETCH * SKETCH + 2  # a multiple of 3, so that joined folds are read at once
FOLD = _BYTES * 4 // 3  # characters of a fold
_COARSE, _COARSEST = 24, 4  # px of the shorter side from which the whole sketch counts; fewest that are compared


def fold(look: Look) -> str:
    """Return the fold of an image, `FOLD` characters."""
    aspect = np.float32(np.log(look.width / look.height) if look.height else 0.0)
    colour = np.rint(look.mean_3).astype(np.uint8)
    short = min(look.width, look.height, 255) if look.gradients.any() else 0
    head = look.pixels + aspect.tobytes() + colour.tobytes() + bytes([short])
    return base64.b64encode(head + look.sketch.tobytes() + b"\0\0").decode()


@dataclass(frozen=True)
class Sketches:
    """N folds of P images each, as numbers.

    pixels_NPSS: uint8. colour_NP3, aspect_NP: float32. short_NP: shorter side in pixels, at most 255. key_N: int64,
    equal for equal folds. usable_N: whether all images have something to be found by.
    """

    pixels_NPSS: np.ndarray
    colour_NP3: np.ndarray
    aspect_NP: np.ndarray
    short_NP: np.ndarray
    key_N: np.ndarray

    @classmethod
    def of(cls, folds: Sequence[str]) -> Sketches:
        """Read N folds of equal length."""
        images = len(folds[0]) // FOLD if len(folds) else 1
        raw = np.frombuffer(base64.b64decode("".join(folds)), np.uint8).reshape(len(folds), images, _BYTES)
        aspect_NP = np.ascontiguousarray(raw[:, :, _KEY : _KEY + 4]).view(np.float32)[:, :, 0]
        digest_NP = np.ascontiguousarray(raw[:, :, :8]).view(np.int64)[:, :, 0]
        return cls(
            raw[:, :, _HEAD : _HEAD + SKETCH * SKETCH].reshape(len(folds), images, SKETCH, SKETCH),
            raw[:, :, _KEY + 4 : _KEY + 7].astype(np.float32),
            aspect_NP,
            raw[:, :, _KEY + 7].astype(np.int64),
            # Two digests of a pair count in their order.
            digest_NP[:, 0] if images == 1 else digest_NP[:, 0] * 31 + digest_NP[:, 1],
        )

    def __len__(self) -> int:
        return len(self.pixels_NPSS)

    @property
    def usable_N(self) -> np.ndarray:
        """See the class."""
        return (self.short_NP > 0).all(axis=1)

    def take(self, rows: np.ndarray | slice) -> Sketches:
        """Return the sketches at these places."""
        return Sketches(*(part[rows] for part in vars(self).values()))


def sides(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return on how many pixels a side two images are compared, int64 [M]; first, second: their shorter sides.

    A sketch of an image that has fewer pixels shows what was made up between them.
    """
    short_M = np.minimum(first, second)
    return np.where(short_M < _COARSE, np.maximum(short_M, _COARSEST), SKETCH)


def blurred(images_MLL: np.ndarray) -> np.ndarray:
    """Return images softened by 1 2 1 in both directions, their border repeated.

    Noise of compression and what lies between two pixels weigh most in the finest detail, which this leaves out.
    """
    wide = np.pad(images_MLL, ((0, 0), (1, 1), (0, 0)), "edge")
    wide = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    wide = np.pad(wide, ((0, 0), (0, 0), (1, 1)), "edge")
    return (wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]) / 4


def slopes(images_MLL: np.ndarray) -> np.ndarray:
    """Return the differences of neighbours, down and across, without the mean of each, float32 [M, 2 L (L - 1)].

    Without the mean an even slope of light is nothing: any two pages lit from one side would be alike.
    """
    count = len(images_MLL)
    parts = [np.diff(images_MLL, axis=axis).reshape(count, -1) for axis in (1, 2)]
    return np.concatenate([part - part.mean(axis=1, keepdims=True) for part in parts], axis=1)


def cut_out(images_MSS: np.ndarray, box_M4: np.ndarray, side: int) -> np.ndarray:
    """Return a part of each image, resized, float32 [M, side, side]; box: left, top, width, height in pixels."""
    down_MLS = _weights(box_M4[:, 1], box_M4[:, 3], images_MSS.shape[1], side)
    across_MLS = _weights(box_M4[:, 0], box_M4[:, 2], images_MSS.shape[2], side)
    return down_MLS @ images_MSS @ across_MLS.transpose(0, 2, 1)


def _weights(start_M: np.ndarray, length_M: np.ndarray, source: int, target: int) -> np.ndarray:
    """Return each output pixel as weights of the source pixels of one side, float32 [M, target, source].

    The filter is the cubic one of Keys (1981, a = -.5), widened where pixels are left out.
    """
    step_M1 = (length_M / target).astype(np.float32)[:, None]
    centre_MT = start_M.astype(np.float32)[:, None] + (np.arange(target, dtype=np.float32) + 0.5) * step_M1
    pixel_S = np.arange(source, dtype=np.float32) + 0.5
    far = np.abs(pixel_S - centre_MT[:, :, None]) / np.maximum(step_M1, 1.0)[:, :, None]
    near_by = (1.5 * far - 2.5) * far * far + 1
    beyond = ((-0.5 * far + 2.5) * far - 4) * far + 2
    weight_MTS = np.where(far < 1, near_by, np.where(far < 2, beyond, np.float32(0)))
    return weight_MTS / weight_MTS.sum(axis=2, keepdims=True)
