"""Palette: small squares of images as the ids of their colours, row by row (Chen et al. 2020, Image GPT)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from safetensors.numpy import load_file, save
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.files import write_bytes
from headstart.core.json_files import read_json, write_json
from headstart.core.processor import KIND_FILE, ImageTokenizer
from headstart.core.seeds import numpy_generator
from headstart.core.shapes import ImageShape
from headstart.core.spec import ProcessorSpec
from headstart.images.token_count import tokens_asked
from headstart.processors.pixels import PixelProcessor, Pixels

_SAMPLE = 1_000  # images that the palette is learned from
_SAMPLE_PIXELS = 1 << 16  # of them, drawn at random
_LARGEST = 14  # side chosen where none is asked for, at most: 196 tokens an image
_COLOURS, _GREYS = 512, 16  # of the paper, and of images without colour
_MOST = 4_096  # colours
_ARRAYS = "palette.safetensors"


@dataclass(frozen=True, kw_only=True)
class Palette(ProcessorSpec):
    """side: of the square in pixels, side * side tokens; None = the usual shorter side of the images, at most 14.
    colours: of the palette, None = 512, or 16 grey levels; fewer where the images have fewer. channels: 1 (grey) or 3,
    None = 1 where all images are grey."""

    takes: ClassVar[Literal["image"]] = "image"
    gives: ClassVar[Literal["tokens"]] = "tokens"
    side: int | None = None
    colours: int | None = None
    channels: Literal[1, 3] | None = None

    def __post_init__(self) -> None:
        if self.side is not None and not 4 <= self.side <= 64:
            raise HeadstartError(f"processor.side={self.side}: expected 4 to 64 pixels, a token each")
        if self.colours is not None and not 2 <= self.colours <= _MOST:
            raise HeadstartError(f"processor.colours={self.colours}: expected 2 to {_MOST}")

    def train(self, documents: Iterable[ImageRef], vocabulary: int | None = None) -> PaletteProcessor:
        """Learn the palette by k-means over a bounded sample of pixels; vocabulary: the colours and the begin mark.

        Raises HeadstartError: no usable image, a vocabulary that disagrees with `colours` or is out of range.
        """
        told = {"setting": "colours", "words": "the colours of the palette"}
        colours = tokens_asked(self.colours, vocabulary, most=_MOST, **told)
        sample = list(islice(documents, _SAMPLE))
        pixels = self._pixels(sample)
        squares_NCHW = np.stack(pixels.encode([image for image in sample if pixels.usable(image)]))
        channels = pixels.shape.channels
        pixels_PC = squares_NCHW.transpose(0, 2, 3, 1).reshape(-1, channels)
        return PaletteProcessor(
            _learned(pixels_PC, colours or (_GREYS if channels == 1 else _COLOURS)), pixels.shape.width
        )

    def _pixels(self, sample: list[ImageRef]) -> PixelProcessor:
        """Return what makes the squares: side and channels as asked for, else as usual among the images."""
        found = Pixels(side=self.side, channels=self.channels).train(iter(sample)).shape
        side = self.side or min(found.width, _LARGEST)
        return PixelProcessor(ImageShape(found.channels, side, side))

    def load(self, folder: Path) -> PaletteProcessor:
        """Read a saved processor; see `PaletteProcessor.load`."""
        return PaletteProcessor.load(folder)


def _learned(pixels_PC: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` different colours, uint8 [K, C] in rising order: centres of k-means over the pixels."""
    if len(pixels_PC) > _SAMPLE_PIXELS:
        pixels_PC = numpy_generator(0, "palette").permutation(pixels_PC)[:_SAMPLE_PIXELS]
    found_UC, count_U = np.unique(pixels_PC, axis=0, return_counts=True)
    if len(found_UC) <= most:
        return found_UC
    # One thread: the order of sums, and so the last bit of a centre, would depend on their number.
    with threadpool_limits(limits=1):
        means = KMeans(most, n_init=1, max_iter=50, random_state=0).fit(found_UC.astype(float), sample_weight=count_U)
    return np.unique(means.cluster_centers_.round().astype(np.uint8), axis=0)


class PaletteProcessor(ImageTokenizer):
    """The middle square of an image, `side` x `side` pixels, as the ids of the nearest colours from top left on.

    palette_KC: uint8, different colours. The begin mark is the id after the last colour; there is no end mark, because
    every image is of one length.
    """

    kind = "palette"

    def __init__(self, palette_KC: np.ndarray, side: int) -> None:
        self.palette_KC, self.side = palette_KC, side
        colours, channels = palette_KC.shape
        self.vocabulary, self.cls_id, self.length = colours + 1, colours, side * side
        self.special_ids = frozenset({self.cls_id})
        self._squares = PixelProcessor(ImageShape(channels, side, side))

    @property
    def size(self) -> str:
        """See `Processor.size`."""
        kind = "grey levels" if self.palette_KC.shape[1] == 1 else "colours"
        return f"{self.side} x {self.side} pixels, {len(self.palette_KC)} {kind}"

    def read(self, image: ImageRef) -> tuple[np.ndarray, tuple[str, ...]]:
        """See `ImageProcessor.read`."""
        pixels_CHW, told = self._squares.read(image)
        return self._nearest(pixels_CHW.reshape(len(pixels_CHW), -1).T), told

    def _nearest(self, pixels_PC: np.ndarray) -> np.ndarray:
        """Return the id of the colour nearest to each pixel, int64 [P]; of equally near ones the first."""
        if pixels_PC.shape[1] == 1:
            return self._of_level[pixels_PC[:, 0]]
        return self._distance(pixels_PC).argmin(axis=1)

    def _distance(self, pixels_PC: np.ndarray) -> np.ndarray:
        """Return squared distances less what is the same for all colours, [P, K]; exact: whole numbers below 2^24."""
        colours_KC = self.palette_KC.astype(np.float32)
        return (colours_KC**2).sum(axis=1) - 2 * (pixels_PC.astype(np.float32) @ colours_KC.T)

    @cached_property
    def _of_level(self) -> np.ndarray:
        """The id of each grey level, int64 [256]."""
        return self._distance(np.arange(256)[:, None]).argmin(axis=1)

    def pictures(self, ids_NT: np.ndarray) -> np.ndarray:
        """See `ImageTokenizer.pictures`."""
        ids_NT = np.asarray(ids_NT)
        whole = ids_NT.ndim == 2 and ids_NT.shape[1] == self.length
        if not whole or (ids_NT.size and not 0 <= ids_NT.min() <= ids_NT.max() < self.cls_id):
            raise HeadstartError(
                f"ids of shape {ids_NT.shape}: expected rows of {self.length} ids from 0 to {self.cls_id - 1}"
            )
        return self.palette_KC[ids_NT].reshape(len(ids_NT), self.side, self.side, -1)

    def token(self, token_id: int) -> str:
        """Return the colour of an id as #rrggbb. Raises HeadstartError when there is no such id."""
        if not 0 <= token_id < self.vocabulary:
            raise HeadstartError(f"no token {token_id}: ids go from 0 to {self.vocabulary - 1:,}")
        if token_id == self.cls_id:
            return "[CLS]"
        return "#" + "".join(f"{level:02x}" for level in np.resize(self.palette_KC[token_id], 3))

    def save(self, folder: Path) -> None:
        """Write the kind with the side, and the palette."""
        write_json(Path(folder) / KIND_FILE, {"kind": self.kind, "side": self.side})
        write_bytes(Path(folder) / _ARRAYS, save({"palette": np.ascontiguousarray(self.palette_KC)}))

    @classmethod
    def load(cls, folder: Path) -> PaletteProcessor:
        """Read what `save` wrote. Raises HeadstartError on a damaged file."""
        own = read_json(Path(folder) / KIND_FILE)
        try:
            palette_KC, side = load_file(Path(folder) / _ARRAYS)["palette"], int(own["side"])
            if palette_KC.dtype != np.uint8 or palette_KC.ndim != 2 or palette_KC.shape[1] not in (1, 3) or side < 1:
                raise ValueError(f"a palette {palette_KC.dtype} {palette_KC.shape}, side {side}")
            return cls(palette_KC, side)
        except Exception as error:  # safetensors raises its own kind, which is no ValueError
            raise HeadstartError(f"{folder}: damaged palette ({type(error).__name__}: {error})") from None
