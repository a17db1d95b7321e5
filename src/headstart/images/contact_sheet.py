"""A contact sheet: small pictures beside each other in one PNG of bounded size, which is cut into tiles again.

Pictures of few pixels are enlarged by whole numbers, each pixel a square (nearest neighbour), so that nothing is
invented; larger ones are reduced with an antialiasing filter. Shapes: H, W pixels, C channels (1 grey, 3 colour).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from headstart.images.squares import picture

TILE = 96  # px, the longer side of a tile at most
_SIDES = (TILE, 80, 64, 48, 32, 24)  # the first that keeps a sheet within its bytes
_COLOURS = 64  # of a palette, where full colour takes too many bytes
_COLUMNS = 8
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class ContactSheet:
    """png: the sheet as the bytes of a file. boxes: where each picture lies on it, in the order given."""

    png: bytes
    boxes: tuple[Box, ...]

    def tiles(self) -> list[bytes]:
        """Return each picture as the bytes of a PNG file of its own. Raises OSError: the sheet is damaged."""
        with Image.open(io.BytesIO(self.png)) as sheet:
            return [_png(sheet.crop(box)) for box in self.boxes]


def contact_sheet(pictures: Sequence[np.ndarray], most_bytes: int) -> ContactSheet:
    """Return a sheet of uint8 pictures [H, W, C] of any sizes, its PNG at most `most_bytes` long if that can be.

    Tiles become smaller, and colours fewer, until it fits; tiles of 24 pixels are the last resort.
    """
    for side in _SIDES:
        tiles = [tile(pixels, side) for pixels in pictures]
        sheet, boxes = _laid_out(tiles, side)
        png = _png(sheet)
        if len(png) > most_bytes and sheet.mode == "RGB":
            png = _png(sheet.quantize(_COLOURS, dither=Image.Dither.NONE))
        if len(png) <= most_bytes:
            break
    return ContactSheet(png, boxes)


def tile(pixels: np.ndarray, side: int) -> Image.Image:
    """Return a picture whose longer side is at most `side`, enlarged by a whole number or reduced to it."""
    image = picture(pixels, grey=pixels.shape[2] == 1)
    longest = max(image.size)
    if longest > side:
        sizes = [max(1, round(length * side / longest)) for length in image.size]
        return image.resize(sizes, Image.Resampling.BICUBIC)
    times = side // longest
    return image.resize([times * length for length in image.size], Image.Resampling.NEAREST)


def thumbnail(pixels: np.ndarray, side: int) -> bytes:
    """Return one picture as the bytes of a small PNG file; see `tile`."""
    small = tile(pixels, side)
    return _png(small.quantize(_COLOURS, dither=Image.Dither.NONE) if small.mode == "RGB" else small)


def _laid_out(tiles: Sequence[Image.Image], side: int) -> tuple[Image.Image, tuple[Box, ...]]:
    """Return the tiles in rows on one picture, and the box of each."""
    mode = "RGB" if any(one.mode == "RGB" for one in tiles) else "L"
    rows = -(-len(tiles) // _COLUMNS)
    sheet = Image.new(mode, (side * min(_COLUMNS, max(len(tiles), 1)), side * max(rows, 1)))
    boxes = []
    for number, one in enumerate(tiles):
        left, top = side * (number % _COLUMNS), side * (number // _COLUMNS)
        sheet.paste(one, (left, top))
        boxes.append((left, top, left + one.width, top + one.height))
    return sheet, tuple(boxes)


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()
