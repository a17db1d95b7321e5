"""Folders of images: each folder is a class, `cats/1.jpg` has the label `cats`; one flat folder has no labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data.image_cells import SUFFIXES
from headstart.data.image_labels import folder_labels
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source

_TABLES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".pq")  # a table beside its images is what is to be read
_LOOKED_AT = 2_000  # files by which a folder is recognised


@dataclass(frozen=True, kw_only=True)
class ImageFolder(ReaderSpec):
    """A row is {"image", "label"}; images are read when they are needed."""

    takes: ClassVar[Literal["image"]] = "image"
    folders: ClassVar[bool] = True

    @classmethod
    def recognises_folder(cls, folder: Path) -> bool:
        """Whether the first files in and below the folder are images, and no table lies among them."""
        found = {path.suffix.lower() for path in islice(_visible(folder), _LOOKED_AT)}
        return bool(found & set(SUFFIXES)) and not found & set(_TABLES)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield the images in sorted order; the row's source is the file itself."""
        paths = sorted(path for path in _visible(source.folder) if path.suffix.lower() in SUFFIXES)
        if not paths:
            raise HeadstartError(f"{source.name}: no image in this folder (known: {', '.join(SUFFIXES)})")
        labels = folder_labels([path.relative_to(source.folder).as_posix() for path in paths])
        for path, label in zip(paths, labels):
            try:
                image = ImageRef.from_file(path)
            except HeadstartError as error:
                ledger.reject("cannot be read", str(path), 1, str(error))
                continue
            yield Row({"image": image} if label is None else {"image": image, "label": label}, str(path), 1)


def _visible(folder: Path) -> Iterator[Path]:
    """Yield the files in and below a folder that are not hidden."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
