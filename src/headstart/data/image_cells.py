"""Images in tables: a cell holds the encoded bytes, the path of a file, or both as Hugging Face datasets write them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data.columns import columns_of, sample_rows
from headstart.data.ledger import Ledger
from headstart.data.row import Row

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
# PNG, JPEG, GIF, BMP, WebP, TIFF in both byte orders, PGM, PPM.
_SIGNATURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*", b"P5", b"P6")


def with_images(rows: Iterator[Row], folder: Path, ledger: Ledger) -> Iterator[Row]:
    """Yield the rows of a file; in tables the cells of image columns are references to images.

    folder: of the table; paths in cells are relative to it. A column is one of images when any of its first cells is
    the bytes of an image or {"bytes", "path"}, or when most are names of image files, one of which is there. Rows whose
    image is missing are rejected.
    """
    head = sample_rows(rows)
    tables = [row.value for row in head if isinstance(row.value, dict)]
    columns = [name for name in columns_of(tables) if _holds_images([row.get(name) for row in tables], folder)]
    if not columns:
        yield from chain(head, rows)
        return
    for row in chain(head, rows):
        if not isinstance(row.value, dict):
            yield row
            continue
        try:
            images = {name: _image(row.value.get(name), folder) for name in columns}
        except HeadstartError as error:
            ledger.reject("no such image", row.source, row.line, str(error))
            continue
        yield Row(row.value | images, row.source, row.line)


def _holds_images(cells: list[Any], folder: Path) -> bool:
    given = [cell for cell in cells if cell not in (None, "")]
    if not given:
        return False
    if any(isinstance(cell, ImageRef) or is_image(cell) for cell in given):
        return True
    named = [cell for cell in given if isinstance(cell, str) and cell.lower().endswith(SUFFIXES)]
    return 2 * len(named) > len(given) and any(_is_file(folder / name) for name in named)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be read
        return False


def _is_pair(cell: Any) -> bool:
    return isinstance(cell, dict) and set(cell) == {"bytes", "path"}


def is_image(cell: Any) -> bool:
    """Whether a binary or nested cell is an encoded image by its first bytes, or {"bytes", "path"}."""
    return _is_pair(cell) or (isinstance(cell, bytes) and cell.startswith(_SIGNATURES))


def _image(cell: Any, folder: Path) -> ImageRef | None:
    """Return the image of a cell, None for an empty cell. Raises HeadstartError: no such file, no image at all."""
    if _is_pair(cell):
        cell = cell["bytes"] or cell["path"]
    if cell in (None, ""):
        return None
    if isinstance(cell, ImageRef):
        return cell
    if isinstance(cell, bytes):
        return ImageRef.from_bytes(cell)
    if isinstance(cell, str):
        return ImageRef.from_file(folder / cell)
    raise HeadstartError(f"expected a file name or the bytes of an image, not {type(cell).__name__} {str(cell)[:40]!r}")
