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
from headstart.core.files import read_json, write_json
from headstart.core.processor import KIND_FILE, ImagesToPixels
from headstart.core.shapes import ImageShape
from headstart.core.spec import ProcessorSpec
from headstart.images.decode import UnusableImage, decode
from headstart.images.squares import picture

_SAMPLE = 2_000  # images that sizes and statistics are taken from
_LARGEST = 96  # side chosen where none is asked for, at most
_CONFIG = "preprocessor_config.json"  # the name under which transformers looks for it


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
        squares = np.stack([_square(pixels, side, channels) for pixels in sample]) / 255.0
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

    def __init__(self, shape: ImageShape) -> None:
        self._shape = ImageShape(
            shape.channels, shape.height, shape.width, tuple(map(float, shape.mean)), tuple(map(float, shape.std))
        )

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
        found = decode(image, side=self.shape.width)
        return _square(found.pixels, self.shape.width, self.shape.channels), found.told

    def save(self, folder: Path) -> None:
        """Write the kind and what transformers' `AutoImageProcessor` reads."""
        shape = self.shape
        write_json(Path(folder) / KIND_FILE, {"kind": self.kind, "channels": shape.channels})
        config = {
            "image_processor_type": "BitImageProcessor",
            "do_resize": True,
            "size": {"shortest_edge": shape.height},
            "do_center_crop": True,
            "crop_size": {"height": shape.height, "width": shape.width},
            "resample": int(Image.Resampling.BILINEAR),
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(shape.mean),
            "image_std": list(shape.std),
            "do_convert_rgb": shape.channels == 3,
        }
        write_json(Path(folder) / _CONFIG, config)

    @classmethod
    def load(cls, folder: Path) -> PixelProcessor:
        """Read what `save` wrote. Raises HeadstartError on a damaged file."""
        own, config = read_json(Path(folder) / KIND_FILE), read_json(Path(folder) / _CONFIG)
        try:
            crop, mean, std = config["crop_size"], config["image_mean"], config["image_std"]
            return cls(
                ImageShape(int(own["channels"]), int(crop["height"]), int(crop["width"]), tuple(mean), tuple(std))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise HeadstartError(f"{folder}: damaged image processor ({type(error).__name__}: {error})") from None


def _square(pixels: np.ndarray, side: int, channels: int) -> np.ndarray:
    """Return uint8 [H, W, 1 or 3] with a shorter side of `side`, cropped to the middle, [channels, side, side]."""
    image = picture(pixels, grey=channels == 1)
    width, height = image.size
    if min(width, height) != side:
        scale = side / min(width, height)
        sizes = (max(side, round(width * scale)), max(side, round(height * scale)))
        image = image.resize(sizes, Image.Resampling.BILINEAR)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    values = np.asarray(image.crop((left, top, left + side, top + side)), np.uint8)
    return np.ascontiguousarray(values.reshape(side, side, channels).transpose(2, 0, 1))
