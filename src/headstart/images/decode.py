"""Decoding images: files of the known formats become uint8 pixels, upright and without transparency, or are refused.

Nothing that lies in a file may end the program or fill the memory: sizes are looked at before anything is decoded,
large images are decoded one after the other and changed in bands, and whatever the decoder raises becomes
`UnusableImage` with a short reason.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from headstart.core.errors import HeadstartError
from headstart.core.examples import MOST_IMAGE_BYTES, ImageRef

MOST_PIXELS = 1 << 26  # 67 million: more than any camera's picture, 200 MB as RGB
_LARGE = 1 << 22  # pixels of a band, and from which an image waits for the other large ones
_ONE_LARGE = threading.Lock()
# Bytes tell a format, not the suffix. Pillow opens others too, some by starting a program on the file (EPS).
_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_PLAIN = re.compile(
    rb"P([56])[ \n]([0-9]{1,5}) ([0-9]{1,5})[ \n]255\n"
)  # a head that readers of arrays and Pillow write
_ORIENTATION = 0x0112  # of EXIF: 2 to 8 are turned or mirrored
_ON_ITS_SIDE = range(5, 9)


class UnusableImage(HeadstartError):
    """An image that cannot be used. reason: a short phrase that many images share; the message names the image."""

    def __init__(self, reason: str, image: ImageRef, detail: str = ""):
        super().__init__(f"{image}: {reason}" + (f" ({detail})" if detail else ""))
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Decoded:
    """pixels: uint8 [height, width, channels], 1 channel for grey images, else 3. told: what was changed on the way.
    encoded: bytes of the file."""

    pixels: np.ndarray
    told: tuple[str, ...]
    encoded: int


def decode(image: ImageRef, side: int | None = None) -> Decoded:
    """Return the pixels of the first frame, upright by EXIF orientation, transparency on white, 8 bits a channel.

    side: a shorter side that is enough; a JPEG is then decoded at a half, a quarter or an eighth of its size, which is
    several times as fast. Raises UnusableImage: not an image, damaged, too large; HeadstartError: the file is gone.
    """
    data = image.read()
    if len(data) > MOST_IMAGE_BYTES:
        raise UnusableImage("the file is too large", image, f"{len(data) >> 20} MiB, at most {MOST_IMAGE_BYTES >> 20}")
    if (plain := _plain(data)) is not None:
        return Decoded(plain, (), len(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the decoder's doubts about tags; what it cannot read raises
        opened = _opened(image, data)
        large = opened.size[0] * opened.size[1] > _LARGE
        try:
            with _ONE_LARGE if large else contextlib.nullcontext():
                return _decoded(opened, side, len(data))
        except MemoryError:
            raise UnusableImage("too many pixels", image) from None
        except Exception as error:  # decoders raise nearly everything on damaged files
            raise UnusableImage("damaged image", image, _short(error)) from None


def size(image: ImageRef) -> tuple[int, int]:
    """Return width and height of the upright image from its head alone. Raises as `decode` does for heads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = _opened(image, image.read())
        try:
            turned = opened.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
        except Exception:  # readers of EXIF raise nearly everything on damaged tags
            turned = False
    return opened.size[::-1] if turned else opened.size


@cache
def _formats() -> tuple[str, ...]:
    """Return the known formats that this Pillow was built with."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _plain(data: bytes) -> np.ndarray | None:
    """Return uint8 [height, width, 1 or 3] of a whole 8-bit PGM or PPM without comments, else None.

    Arrays of small images come in this form; Pillow needs ten times as long to open one.
    """
    if (head := _PLAIN.match(data)) is None:
        return None
    width, height, channels = int(head[2]), int(head[3]), 1 if head[1] == b"5" else 3
    if not 0 < width * height <= MOST_PIXELS or len(data) - head.end() != width * height * channels:
        return None
    return np.frombuffer(data, np.uint8, offset=head.end()).reshape(height, width, channels).copy()


def _opened(image: ImageRef, data: bytes) -> Image.Image:
    """Return the image with its head read. Raises UnusableImage: no image, damaged, too many pixels."""
    try:
        opened = Image.open(io.BytesIO(data), formats=_formats())
        width, height = opened.size
    except Image.DecompressionBombError as error:
        raise UnusableImage("too many pixels", image, _short(error)) from None
    except UnidentifiedImageError:
        raise UnusableImage("not an image", image, "" if len(data) else "the file is empty") from None
    except Exception as error:
        raise UnusableImage("damaged image", image, _short(error)) from None
    if width * height > MOST_PIXELS:
        raise UnusableImage("too many pixels", image, f"{width} x {height}, at most {MOST_PIXELS:,}")
    if not width or not height:
        raise UnusableImage("not an image", image, f"{width} x {height} pixels")
    return opened


def _decoded(opened: Image.Image, side: int | None, encoded: int) -> Decoded:
    told = []
    if getattr(opened, "is_animated", False):  # only some formats of Pillow have frames
        told.append("the first of several frames")
    if side is not None and opened.format == "JPEG" and opened.mode in ("L", "RGB"):
        opened.draft(opened.mode, (side, side))
    opened.load()
    return Decoded(_eight_bits(_upright(opened, told), told), tuple(told), encoded)


def _upright(image: Image.Image, told: list[str]) -> Image.Image:
    """Return the image as EXIF says it was held; one whose EXIF cannot be read is left as it is."""
    try:
        if image.getexif().get(_ORIENTATION) not in range(2, 9):
            return image
        turned = ImageOps.exif_transpose(image)
    except Exception:  # readers of EXIF raise nearly everything on damaged tags
        told.append("EXIF that cannot be read")
        return image
    told.append("turned upright as EXIF says")
    return turned


def _eight_bits(image: Image.Image, told: list[str]) -> np.ndarray:
    """Return uint8 [height, width, 1 or 3], without transparency; `told` gets what was changed."""
    grey = image.mode in _GREY
    change: Callable[[Image.Image], Image.Image] = partial(Image.Image.convert, mode="L" if grey else "RGB")
    if image.mode in _DEEP:
        told.append("scaled to 8 bits")
        low, high = _range(image)
        change = partial(_scaled, low=low, high=high)
    elif image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        told.append("transparency laid on white")
        change = partial(_on_white, grey=grey)
    elif image.mode not in ("1", "L", "RGB", "P"):
        told.append(f"{image.mode} turned to RGB")
    pixels = np.empty((image.height, image.width, 1 if grey else 3), np.uint8)
    for rows, band in _bands(image):
        pixels[rows] = np.atleast_3d(np.asarray(change(band), np.uint8))
    return pixels


def _bands(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yield (rows, the image of these rows), which bounds the memory for copies."""
    high = max(1, _LARGE // image.width)
    for top in range(0, image.height, high):
        bottom = min(top + high, image.height)
        whole = bottom - top == image.height
        yield slice(top, bottom), image if whole else image.crop((0, top, image.width, bottom))


def _on_white(image: Image.Image, grey: bool) -> Image.Image:
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, clear).convert("L" if grey else "RGB")


def _range(image: Image.Image) -> tuple[float, float]:
    """Return what becomes 0 and 255: the range of 16 bits, or an image's own least and most where it is beyond."""
    low, high = np.inf, -np.inf
    odd = image.mode == "F"
    for _, band in _bands(image):
        values = np.asarray(band, np.float64)
        finite = values[np.isfinite(values)] if odd else values
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if odd or low < 0 or high > 65_535:
        return (low, high) if low <= high else (0.0, 1.0)
    return 0.0, 65_535.0


def _scaled(image: Image.Image, low: float, high: float) -> Image.Image:
    """Return a grey image in which `low` is 0 and `high` 255."""
    values = np.nan_to_num(np.asarray(image, np.float64), nan=low, posinf=high, neginf=low)
    scaled = (values - low) * (255.0 / max(high - low, 1e-30))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _short(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:100]
