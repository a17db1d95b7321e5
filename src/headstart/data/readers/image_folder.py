"""Folders of images: each folder is a class, `cats/1.jpg` has the label `cats`; one flat folder has no labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data.image_cells import SUFFIXES
from headstart.data.image_labels import folder_labels, note_folders, without_masks
from headstart.data.ledger import Ledger
from headstart.data.readers.coco import Coco
from headstart.data.row import Row, Source, is_writable

_TABLES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".pq")  # a table beside its images is what is to be read
_LOOKED_AT = 2_000  # files by which a folder is recognised
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class ImageFolder(ReaderSpec):
    """A row is {"image", "label"}; images are read when they are needed."""

    takes: ClassVar[Literal["image"]] = "image"
    folders: ClassVar[bool] = True

    @classmethod
    def recognises_folder(cls, folder: Path) -> bool:
        """Whether the first files in and below the folder are images, and no table lies among them."""
        first = list(islice(_visible(folder), _LOOKED_AT))
        found = {path.suffix.lower() for path in first if not _is_coco(path)}
        return bool(found & set(SUFFIXES)) and not found & set(_TABLES)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield the images in sorted order; the row's source is the file itself."""
        every = sorted(_visible(source.folder))
        paths = [path for path in every if path.suffix.lower() in SUFFIXES]
        if not paths:
            raise HeadstartError(f"{source.name}: no image in this folder (known: {', '.join(SUFFIXES)})")
        names = [path.relative_to(source.folder).as_posix() for path in paths]
        others = [path for path in every if path.suffix.lower() not in SUFFIXES]
        note_folders(names, [path.relative_to(source.folder).as_posix() for path in others], source.name, ledger)
        kept = without_masks(names)
        paths, names = [list(compress(part, kept)) for part in (paths, names)]
        labels = folder_labels(names)
        for path, label in zip(paths, labels):
            if not is_writable(str(path)):
                ledger.reject("file name is not UTF-8", str(path), 1, "rename it")
                continue
            try:
                image = ImageRef.from_file(path)
            except HeadstartError as error:
                ledger.reject("cannot be read", str(path), 1, str(error))
                continue
            yield Row({"image": image} if label is None else {"image": image, "label": label}, str(path), 1)


def _is_coco(path: Path) -> bool:
    """Whether a file holds annotations of images (`coco.py`), told by its first bytes, which are no table."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with open(path, "rb") as stream:
            return Coco.recognises(stream.read(_HEAD_BYTES))
    except OSError:
        return False


def _visible(folder: Path) -> Iterator[Path]:
    """Yield the files in and below a folder that are not hidden."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
