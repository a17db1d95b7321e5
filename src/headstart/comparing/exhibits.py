"""What a report shows of the data and the networks: pictures, filters, test rows that it quotes and what is near them.

They lie beside the report, so that its page can be written again without the data. REPORT/exhibits.json: facts, and
where each picture lies on the sheet      REPORT/exhibits.png: the contact sheet, where there are pictures
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.comparing.report_folder import EXHIBITS, SHEET, ReportFolder
from headstart.core import migration
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef
from headstart.core.json_files import json_bytes
from headstart.core.report_files import ExhibitsFile
from headstart.images.contact_sheet import ContactSheet, contact_sheet
from headstart.images.decode import decode
from headstart.text.excerpt import excerpt

SEEN, NEAR, NEAREST = 12, 6, 4  # images of each base; quoted rows, and training images beside each
_MOST_TILES, _MOST_BASES = 24, 2
_MOST_BYTES = 150_000  # of the sheet; a page holds it as base64, four characters for three bytes
_ENOUGH = 192  # px: a JPEG is decoded at a fraction of its size that is at least this
Versions = Mapping[str, Sequence[np.ndarray]]  # uint8 [H, W, C] by name: the same images in several versions


@dataclass(frozen=True)
class Seen:
    """What one base was shown. versions: of an image, their names; tiles: numbers, all versions of an image in turn."""

    base: str
    versions: tuple[str, ...]
    tiles: tuple[int, ...]


@dataclass(frozen=True)
class Filters:
    """The first layer of a base: the number of its tile."""

    base: str
    tile: int


@dataclass(frozen=True)
class Near:
    """The training images nearest to a test row by a base's vectors: their labels, the numbers of their tiles."""

    base: str
    row: int
    labels: tuple[str, ...]
    tiles: tuple[int, ...]


@dataclass(frozen=True)
class Quoted:
    """One test row: its text, or what its images are called; the numbers of the tiles of its images."""

    words: str
    tiles: tuple[int, ...] = ()


@dataclass(frozen=True)
class Exhibits:
    """sheet: all pictures, or None. seen, filters: one for each base of images. near: of some of the rows. rows: the
    quoted test rows by number from 0."""

    sheet: ContactSheet | None = None
    seen: tuple[Seen, ...] = ()
    filters: tuple[Filters, ...] = ()
    near: tuple[Near, ...] = ()
    rows: Mapping[int, Quoted] = field(default_factory=dict)

    @cached_property
    def tiles(self) -> list[bytes]:
        """The pictures as PNG files, by number."""
        return self.sheet.tiles() if self.sheet else []

    def save(self, folder: Path) -> None:
        """Write the exhibits into a report's folder. Raises HeadstartError: the disk refuses."""
        png, boxes = (self.sheet.png, self.sheet.boxes) if self.sheet else (b"", ())
        told = {"sha256": hashlib.sha256(png).hexdigest(), "boxes": boxes}
        told |= {name: [asdict(one) for one in getattr(self, name)] for name in ("seen", "filters", "near")}
        told["rows"] = {str(row): asdict(quoted) for row, quoted in self.rows.items()}
        ReportFolder(folder).put({SHEET: png, EXHIBITS: json_bytes({"format": migration.FORMAT} | told)})

    @classmethod
    def load(cls, folder: Path) -> Exhibits:
        """Read what `save` wrote; nothing where a report has none, or where a kill came between its two files."""
        if not (folder / EXHIBITS).is_file() or not (folder / SHEET).is_file():
            return cls()
        told, png = migration.read_versioned(folder / EXHIBITS, dict, ExhibitsFile), (folder / SHEET).read_bytes()
        if hashlib.sha256(png).hexdigest() != told["sha256"]:
            return cls()
        most = len(told["boxes"])
        tiles = [tile for name in ("seen", "near") for one in told.get(name, []) for tile in one["tiles"]]
        tiles += [tile for one in told["rows"].values() for tile in one["tiles"]]
        tiles += [one["tile"] for one in told.get("filters", [])]
        if wrong := [tile for tile in tiles if tile >= most]:
            raise HeadstartError(f"{folder / EXHIBITS}: tile {wrong[0]} is not there (there are {most})")
        seen = tuple(Seen(one["base"], tuple(one["versions"]), tuple(one["tiles"])) for one in told["seen"])
        filters = tuple(Filters(**one) for one in told.get("filters", []))
        near = tuple(
            Near(one["base"], one["row"], tuple(one["labels"]), tuple(one["tiles"])) for one in told.get("near", [])
        )
        rows = {int(row): Quoted(one["words"], tuple(one["tiles"])) for row, one in told["rows"].items()}
        sheet = ContactSheet(png, tuple(told["boxes"])) if png else None
        return cls(sheet, seen, filters, near, rows)

    def pixels(self, shown: Seen) -> dict[str, list[np.ndarray]]:
        """Return what a base was shown as `show` takes it."""
        pictures = [Image.open(io.BytesIO(self.tiles[number])) for number in shown.tiles]
        turns = [np.atleast_3d(np.asarray(one if one.mode == "L" else one.convert("RGB"))) for one in pictures]
        return {name: turns[at :: len(shown.versions)] for at, name in enumerate(shown.versions)}


def show(
    test: Examples,
    rows: Iterable[int],
    seen: Mapping[str, Versions],
    filters: Mapping[str, np.ndarray] | None = None,
    near: Mapping[tuple[str, int], tuple[Sequence[ImageRef], Sequence[str]]] | None = None,
) -> Exhibits:
    """Return what a report is to show: test rows by their numbers, and what each base was shown.

    filters: pictures by base. near: images and their labels by base and test row.
    """
    pictures: list[np.ndarray] = []

    def placed(some: Iterable[np.ndarray]) -> tuple[int, ...]:
        before = len(pictures)
        pictures.extend(some)
        return tuple(range(before, len(pictures)))

    shown = []
    for base, versions in [(base, versions) for base, versions in seen.items() if versions][:_MOST_BASES]:
        turns = [image for images in zip(*versions.values()) for image in images]
        shown.append(Seen(base, tuple(versions), placed(turns[: _MOST_TILES - _MOST_TILES % len(versions)])))
    quoted = {}
    for row in rows:
        items = [test.items[row], *([] if test.second is None else [test.second[row]])]
        words = (item.name if isinstance(item, ImageRef) else excerpt(item) for item in items)
        quoted[row] = Quoted(" | ".join(words), placed(_decoded(items)))
    drawn = tuple(Filters(base, *placed([picture])) for base, picture in list((filters or {}).items())[:_MOST_BASES])
    beside = []
    for (base, row), (images, labels) in (near or {}).items():
        if len(pixels := _decoded(images)) == len(images):
            beside.append(Near(base, row, tuple(labels), placed(pixels)))
    sheet = contact_sheet(pictures, _MOST_BYTES) if pictures else None
    return Exhibits(sheet, tuple(shown), drawn, tuple(beside), quoted)


def _decoded(items: Sequence[str | ImageRef]) -> list[np.ndarray]:
    """Return the pixels of the images among these items; none where a file is gone or was changed meanwhile."""
    try:
        return [decode(item, side=_ENOUGH).pixels for item in items if isinstance(item, ImageRef)]
    except HeadstartError:
        return []


def kept_seen(folder: Path) -> dict[str, Versions]:
    """Return by base what the report in `folder` already shows of its pre-training."""
    kept = Exhibits.load(folder)
    return {one.base: kept.pixels(one) for one in kept.seen}
