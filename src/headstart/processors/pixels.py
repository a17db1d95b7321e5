"""Pixels: images cropped to squares of one size, in 8 bits, with the statistics of each channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from PIL import Image

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.json_files import read_json, write_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.processor import KIND_FILE, ImagesToPixels
from headstart.core.shapes import ImageShape
from headstart.core.spec import ProcessorSpec
from headstart.images.decode import UnusableImage, decode
from headstart.images.squares import picture
from headstart.interop.preprocessor import Preprocessor, read_preprocessor

_SAMPLE = 2_000  # images that sizes and statistics are taken from
_LARGEST = 96  # side chosen where none is asked for, at most
_FILTER = int(Image.Resampling.BILINEAR)


@dataclass(frozen=True, kw_only=True)
class Pixels(ProcessorSpec):
    """side: of the square in pixels, None = the usual shorter side of the images, at most 96. channels: 1 (grey) or 3,
    None = 1 where all images are grey."""

    takes: ClassVar[Literal["image"]] = "image"
    gives: ClassVar[Literal["pixels"]] = "pixels"
    side: int | None = None
    channels: Literal[1, 3] | None = None

    def __post_init__(self) -> None:
        if self.side is not None and not 4 <= self.side <= 1024:
            raise HeadstartError(f"processor.side={self.side}: expected 4 to 1024 pixels")

    def train(self, documents: Iterable[ImageRef], vocabulary: int | None = None) -> PixelProcessor:
        """Take size and statistics from a bounded sample. Raises HeadstartError: no usable image, a vocabulary."""
        if vocabulary is not None:
            raise HeadstartError(f"vocabulary={vocabulary}: pixels have none; leave it out")
        sample, first_fault = [], "there is none"
        for image in islice(documents, _SAMPLE):
            try:
                sample.append(decode(image, side=self.side or _LARGEST).pixels)
            except UnusableImage as fault:  # the store names each
                first_fault = str(fault) if first_fault == "there is none" else first_fault
        if not sample:
            raise HeadstartError(f"no usable image, and sizes are taken from at least one: {first_fault}")
        side = self.side or min(_LARGEST, int(np.median([min(pixels.shape[:2]) for pixels in sample])))
        channels = self.channels or max(pixels.shape[2] for pixels in sample)
        how = _usual(ImageShape(channels, side, side))
        squares = np.stack([_cut_out(pixels, how) for pixels in sample]) / 255.0
        spread = squares.std(axis=(0, 2, 3))
        mean, std = squares.mean(axis=(0, 2, 3)), np.where(spread > 1e-4, spread, 1.0)
        return PixelProcessor(ImageShape(channels, side, side, tuple(mean.round(6)), tuple(std.round(6))))

    def load(self, folder: Path) -> PixelProcessor:
        """Read a saved processor; see `PixelProcessor.load`."""
        return PixelProcessor.load(folder)


class PixelProcessor(ImagesToPixels):
    """Shorter side to `side` pixels, the middle square of it, uint8 [C, side, side].

    The files are those of transformers' image processors, whose resize is the same antialiased filter of Pillow.
    """

    kind = "pixels"

    def __init__(self, shape: ImageShape, how: Preprocessor | None = None) -> None:
        """how: the shorter side and the filter of another library's model; None = as described above."""
        mean, std = tuple(map(float, shape.mean)), tuple(map(float, shape.std))
        self._shape = ImageShape(shape.channels, shape.height, shape.width, mean, std)
        self.how = how or _usual(self._shape)

    @property
    def shape(self) -> ImageShape:
        """See `Processor.shape`."""
        return self._shape

    @property
    def size(self) -> str:
        """See `Processor.size`."""
        kind = "grey" if self.shape.channels == 1 else "colour"
        return f"{self.shape.width} x {self.shape.height} pixels, {kind}"

    def read(self, image: ImageRef) -> tuple[np.ndarray, tuple[str, ...]]:
        """See `ImageProcessor.read`."""
        # A JPEG may be decoded at a part of its size, but not for a network that was trained on whole ones.
        found = decode(image, side=self.shape.width if self.how == _usual(self.shape) else None)
        return _cut_out(found.pixels, self.how), found.told

    def save(self, folder: Path) -> None:
        """Write the kind and what transformers' `AutoImageProcessor` reads."""
        shape, short = self.shape, self.how.short
        stretched = {"height": shape.height, "width": shape.width}
        write_json(Path(folder) / KIND_FILE, {"kind": self.kind, "channels": shape.channels})
        config = {
            "image_processor_type": "BitImageProcessor",
            "do_resize": True,
            "size": stretched if short is None else {"shortest_edge": short},
            "do_center_crop": short is not None,
            "crop_size": {"height": shape.height, "width": shape.width},
            "resample": self.how.resample,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(shape.mean),
            "image_std": list(shape.std),
            "do_convert_rgb": shape.channels == 3,
        }
        write_json(Path(folder) / PREPROCESSOR, config)

    @classmethod
    def load(cls, folder: Path) -> PixelProcessor:
        """Read what `save` or transformers wrote. Raises HeadstartError on a damaged file."""
        found = read_preprocessor(folder)
        if (Path(folder) / KIND_FILE).is_file():
            own = read_json(Path(folder) / KIND_FILE)
            if not isinstance(own, dict) or own.get("channels") != found.shape.channels:
                raise HeadstartError(f"{folder}: damaged image processor (its files tell of different channels)")
        return cls(found.shape, found)


def _usual(shape: ImageShape) -> Preprocessor:
    return Preprocessor(shape, shape.height, _FILTER)


def _cut_out(pixels: np.ndarray, how: Preprocessor) -> np.ndarray:
    """Return uint8 [H, W, 1 or 3] resized and cut to the middle, [C, height, width] of the shape."""
    shape = how.shape
    if pixels.shape == (shape.height, shape.width, shape.channels) and how.short in (
        None,
        min(shape.height, shape.width),
    ):
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))  # nothing to resize or to cut
    image = picture(pixels, grey=shape.channels == 1)
    width, height = image.size
    if how.short is None:
        width, height = shape.width, shape.height
    elif width <= height:
        width, height = how.short, int(how.short * height / width)
    else:
        width, height = int(how.short * width / height), how.short
    if (width, height) != image.size:
        image = image.resize((width, height), how.resample)
    left, top = (width - shape.width) // 2, (height - shape.height) // 2
    values = np.asarray(image.crop((left, top, left + shape.width, top + shape.height)), np.uint8)
    return np.ascontiguousarray(values.reshape(shape.height, shape.width, shape.channels).transpose(2, 0, 1))
