"""Zip archives of images, read without unpacking: folders inside are classes, as in a folder of images."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data.image_cells import SUFFIXES
from headstart.data.image_labels import folder_labels
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, refuse

_MOST_BYTES = 1 << 28  # of one image, unpacked
_MOST_RATIO = 200  # unpacked to packed bytes; real image files hardly shrink
_BOMB = 1 << 24  # unpacked bytes from which the ratio counts
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)


@dataclass(frozen=True, kw_only=True)
class ImageZip(ReaderSpec):
    """A row is {"image", "label"}; images that would unpack to far more than they are packed in are refused."""

    takes: ClassVar[Literal["image"]] = "image"
    suffixes: ClassVar[tuple[str, ...]] = (".zip",)
    binary: ClassVar[bool] = True

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield the images in sorted order; `line` counts them. Raises HeadstartError: no zip, no image in it."""
        if not source.stream.seekable():
            raise refuse(source.name, "a zip inside a compressed file or pipe cannot be read", "give the .zip itself")
        try:
            archive = zipfile.ZipFile(source.stream)
            members = sorted(archive.infolist(), key=lambda member: member.filename)
        except _DAMAGE as error:
            raise refuse(source.name, f"not a readable zip archive ({error})", "get the file again") from None
        members = [member for member in members if _is_image(member)]
        if not members:
            raise HeadstartError(f"{source.name}: no image in this archive (known: {', '.join(SUFFIXES)})")
        labels = folder_labels([member.filename for member in members])
        for number, (member, label) in enumerate(zip(members, labels), 1):
            if fault := _bomb(member):
                ledger.reject("too large when unpacked", source.name, number, f"{member.filename}: {fault}")
                continue
            try:
                image = ImageRef.from_bytes(archive.read(member))
            except _DAMAGE as error:
                ledger.reject("cannot be unpacked", source.name, number, f"{member.filename}: {error}")
                continue
            yield Row({"image": image} if label is None else {"image": image, "label": label}, source.name, number)


def _is_image(member: zipfile.ZipInfo) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in member.filename.split("/"))
    return not member.is_dir() and not hidden and member.filename.lower().endswith(SUFFIXES)


def _bomb(member: zipfile.ZipInfo) -> str:
    """Return why a member must not be unpacked, or nothing."""
    if member.file_size > _MOST_BYTES:
        return f"{member.file_size >> 20} MiB"
    ratio = member.file_size / max(member.compress_size, 1)
    return f"{ratio:.0f} times its packed size" if member.file_size > _BOMB and ratio > _MOST_RATIO else ""
