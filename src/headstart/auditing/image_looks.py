"""What an audit keeps of an image that it has looked at once: size, mean colour, a thumbnail and its gradients.

The gradients are those of a difference hash (Krawetz 2013, "Kind of like that") with their sizes instead of their signs
alone: numbers tell two photographs of trousers apart where 256 bits do not. Shapes: T = 16 gradients of a side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from headstart.core.device import in_threads
from headstart.core.examples import ImageRef
from headstart.images.decode import UnusableImage, decode
from headstart.images.squares import picture

SIDE, COLOURS = 16, 8  # T; pixels of a side of the thumbnail
SKETCH = 32  # px of a side of the sketch, by which copies are told from look-alikes
GRADIENTS = 2 * SIDE * SIDE
_STEPS = 16.0  # quantisation: steps of one standard deviation of the gradients
_LEAST = 1.0  # levels of 255: root mean square of the gradients, below which an image has nothing to be found by
_KEPT = 1 << 16  # looks of about 2 KB


@dataclass(frozen=True)
class Look:
    """One image. pixels: SHA-256 of size and decoded pixels, 16 bytes. mean_3: mean red, green, blue from 0 to 255.

    gradients: int8 [2 T T], across, then down, in units of their standard deviation / 16; zeros where there are next to
    none. thumbnail: uint8 [8, 8, 3]. sketch: grey, uint8 [32, 32], the whole image squeezed into a square. flat:
    whether all pixels are of one colour. width and height are 0 where the image cannot be decoded.
    """

    pixels: bytes
    width: int
    height: int
    channels: int
    encoded: int
    mean_3: np.ndarray
    gradients: np.ndarray
    thumbnail: np.ndarray
    sketch: np.ndarray
    flat: bool


_kept: dict[str, Look] = {}  # by digest: an audit asks for the same images several times


def looks(images: Sequence[ImageRef]) -> list[Look]:
    """Return the look of each image, decoded side by side in threads; the last 65,536 are kept.

    Raises HeadstartError: a file that is gone or was changed.
    """
    missing = list({image.digest: image for image in images if image.digest not in _kept}.values())
    found = dict(zip((image.digest for image in missing), in_threads(_look, missing)))
    out = [_kept[image.digest] if image.digest in _kept else found[image.digest] for image in images]
    _kept.update(found)
    while len(_kept) > _KEPT:
        _kept.pop(next(iter(_kept)))  # the oldest
    return out


def _look(image: ImageRef) -> Look:
    try:
        found = decode(image)
    except UnusableImage:  # a document; labelled rows have been decoded before
        key = hashlib.sha256(image.digest.encode()).digest()[:16]
        nothing = (
            np.zeros(GRADIENTS, np.int8),
            np.zeros((COLOURS, COLOURS, 3), np.uint8),
            np.zeros((SKETCH, SKETCH), np.uint8),
        )
        return Look(key, 0, 0, 0, len(image.read()), np.zeros(3), *nothing, flat=False)
    pixels = found.pixels
    if pixels.shape[2] == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1]  # grey saved as colour
    height, width, channels = pixels.shape
    key = hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).digest()[:16]
    mean_3 = np.zeros(3) + pixels.reshape(-1, channels).mean(axis=0)
    grey = picture(pixels, grey=True)
    colours = grey if channels == 1 else picture(pixels, grey=False)
    thumbnail = np.atleast_3d(np.asarray(colours.resize((COLOURS, COLOURS), Image.Resampling.BILINEAR)))
    flat = bool((pixels == pixels[:1, :1]).all())
    thumbnail = thumbnail.repeat(3 // channels, axis=2)
    sketch = np.asarray(grey.resize((SKETCH, SKETCH), Image.Resampling.BICUBIC))
    return Look(key, width, height, channels, found.encoded, mean_3, _gradients(grey), thumbnail, sketch, flat=flat)


def _gradients(grey: Image.Image) -> np.ndarray:
    """Return int8 [2 T T], see `Look`; the whole image is squeezed into a square."""
    small = grey.resize((SIDE + 1, SIDE + 1), Image.Resampling.BILINEAR)
    level = np.asarray(small, np.float32)
    corner = level[:-1, :-1]
    parts = np.stack([level[:-1, 1:] - corner, level[1:, :-1] - corner]).reshape(2, -1)
    # Without its mean, an even slope of light is nothing: any two pages lit from one side would be alike.
    parts -= parts.mean(axis=1, keepdims=True)
    size = float(np.sqrt((parts**2).mean()))
    if size < _LEAST:
        return np.zeros(GRADIENTS, np.int8)
    return np.clip(np.rint(parts.ravel() * (_STEPS / size)), -127, 127).astype(np.int8)
