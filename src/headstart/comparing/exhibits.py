"""What a report shows of the data: pictures that the networks were shown, and the test rows that it quotes.

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
from headstart.core.files import disk_error, write_bytes, write_json
from headstart.images.contact_sheet import ContactSheet, contact_sheet
from headstart.images.decode import decode
from headstart.text.excerpt import excerpt

SEEN = 12  # images of each base
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
class Quoted:
    """One test row: its text, or what its images are called; the numbers of the tiles of its images."""

    words: str
    tiles: tuple[int, ...] = ()


@dataclass(frozen=True)
class Exhibits:
    """sheet: all pictures, or None. seen: one for each base of images. rows: the quoted test rows by number from 0."""

    sheet: ContactSheet | None = None
    seen: tuple[Seen, ...] = ()
    rows: Mapping[int, Quoted] = field(default_factory=dict)

    @cached_property
    def tiles(self) -> list[bytes]:
        """The pictures as PNG files, by number."""
        return self.sheet.tiles() if self.sheet else []

    def save(self, folder: Path) -> None:
        """Write the exhibits into a report's folder. Raises HeadstartError: the disk refuses."""
        png, boxes = (self.sheet.png, self.sheet.boxes) if self.sheet else (b"", ())
        told = {"sha256": hashlib.sha256(png).hexdigest(), "boxes": boxes, "seen": [asdict(one) for one in self.seen]}
        told["rows"] = {str(row): asdict(quoted) for row, quoted in self.rows.items()}
        try:
            ReportFolder(folder).begin()
            write_bytes(folder / SHEET, png)
            write_json(folder / EXHIBITS, {"format": migration.FORMAT} | told)
        except OSError as error:
            raise disk_error(folder, error) from None

    @classmethod
    def load(cls, folder: Path) -> Exhibits:
        """Read what `save` wrote; nothing where a report has none, or where a kill came between its two files."""
        if not (folder / EXHIBITS).is_file() or not (folder / SHEET).is_file():
            return cls()
        told, png = migration.read_versioned(folder / EXHIBITS, lambda old: old), (folder / SHEET).read_bytes()
        if hashlib.sha256(png).hexdigest() != told["sha256"]:
            return cls()
        seen = (Seen(one["base"], tuple(one["versions"]), tuple(one["tiles"])) for one in told["seen"])
        rows = {int(row): Quoted(one["words"], tuple(one["tiles"])) for row, one in told["rows"].items()}
        return cls(ContactSheet(png, tuple(map(tuple, told["boxes"]))) if png else None, tuple(seen), rows)

    def pixels(self, shown: Seen) -> dict[str, list[np.ndarray]]:
        """Return what a base was shown as `show` takes it."""
        pictures = [Image.open(io.BytesIO(self.tiles[number])) for number in shown.tiles]
        turns = [np.atleast_3d(np.asarray(one if one.mode == "L" else one.convert("RGB"))) for one in pictures]
        return {name: turns[at :: len(shown.versions)] for at, name in enumerate(shown.versions)}


def show(test: Examples, rows: Iterable[int], seen: Mapping[str, Versions]) -> Exhibits:
    """Return what a report is to show: test rows by their numbers, and what each base was shown."""
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
    return Exhibits(contact_sheet(pictures, _MOST_BYTES) if pictures else None, tuple(shown), quoted)


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
