"""Decoding images: any file that Pillow reads becomes uint8 pixels, upright and without transparency, or is refused.

Nothing that lies in a file may end the program or fill the memory: sizes are looked at before anything is decoded, and
whatever the decoder raises becomes `UnusableImage` with a short reason.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef

MOST_PIXELS = 1 << 26  # 67 million: more than any camera's picture, 200 MB as RGB
_MOST_BYTES = 1 << 28  # of a file
_GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class UnusableImage(HeadstartError):
    """An image that cannot be used. reason: a short phrase that many images share; the message names the image."""

    def __init__(self, reason: str, image: ImageRef, detail: str = ""):
        super().__init__(f"{image}: {reason}" + (f" ({detail})" if detail else ""))
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Decoded:
    """pixels: uint8 [height, width, channels], 1 channel for grey images, else 3. told: what was changed on the way."""

    pixels: np.ndarray
    told: tuple[str, ...]


def decode(image: ImageRef, side: int | None = None) -> Decoded:
    """Return the pixels of the first frame, upright by EXIF orientation, transparency on white, 8 bits a channel.

    side: a shorter side that is enough; a JPEG is then decoded at a half, a quarter or an eighth of its size, which is
    several times as fast. Raises UnusableImage: not an image, damaged, too large; HeadstartError: the file is gone.
    """
    data = image.read()
    if len(data) > _MOST_BYTES:
        raise UnusableImage("the file is too large", image, f"{len(data) >> 20} MiB, at most {_MOST_BYTES >> 20}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the decoder's doubts about tags; what it cannot read raises
        opened = _opened(image, data)
        try:
            return _decoded(opened, side)
        except MemoryError:
            raise UnusableImage("too many pixels", image) from None
        except Exception as error:  # decoders raise nearly everything on damaged files
            raise UnusableImage("damaged image", image, _short(error)) from None


def _opened(image: ImageRef, data: bytes) -> Image.Image:
    """Return the image with its head read. Raises UnusableImage: no image, too many pixels."""
    try:
        opened = Image.open(io.BytesIO(data))
        width, height = opened.size
    except Image.DecompressionBombError as error:
        raise UnusableImage("too many pixels", image, _short(error)) from None
    except Exception as error:
        raise UnusableImage("not an image", image, "" if len(data) else "the file is empty") from error
    if width * height > MOST_PIXELS:
        raise UnusableImage("too many pixels", image, f"{width} x {height}, at most {MOST_PIXELS:,}")
    if not width or not height:
        raise UnusableImage("not an image", image, f"{width} x {height} pixels")
    return opened


def _decoded(opened: Image.Image, side: int | None) -> Decoded:
    told = []
    if getattr(opened, "n_frames", 1) > 1:  # what Pillow calls frames only some formats have
        told.append(f"the first of {opened.n_frames} frames")
    if side is not None and opened.format == "JPEG" and opened.mode in ("L", "RGB"):
        opened.draft(opened.mode, (side, side))
    opened.load()
    upright = ImageOps.exif_transpose(opened)
    if upright.size != opened.size or opened.getexif().get(0x0112, 1) != 1:
        told.append("turned upright as EXIF says")
    found = _eight_bits(upright, told)
    return Decoded(np.atleast_3d(np.asarray(found, np.uint8)), tuple(told))


def _eight_bits(image: Image.Image, told: list[str]) -> Image.Image:
    """Return a grey or RGB image of 8 bits without transparency; `told` gets what was changed."""
    if image.mode in _DEEP:
        told.append("scaled to 8 bits")
        return _scaled(image)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        told.append("transparency laid on white")
        grey, image = image.mode in _GREY, image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("L" if grey else "RGB")
    if image.mode not in ("1", "L", "RGB", "P"):
        told.append(f"{image.mode} turned to RGB")
    return image.convert("L" if image.mode in _GREY else "RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Return a grey image of more than 8 bits scaled: 16 bits by their range, others by their own least and most."""
    values = np.asarray(image, np.float64)
    low, high = 0.0, 65_535.0
    if image.mode == "F" or values.min() < 0 or values.max() > high:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (255.0 / max(high - low, 1e-30))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _short(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:100]
