"""Zip archives of images, read without unpacking: folders inside are classes, as in a folder of images."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core.errors import HeadstartError, one_line
from headstart.core.examples import MOST_IMAGE_BYTES, ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data.archives import DAMAGE, METHODS, is_hidden, member_name
from headstart.data.image_cells import SUFFIXES
from headstart.data.image_labels import folder_labels, note_folders, without_masks
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, refuse

_MOST_RATIO = 200  # unpacked to packed bytes; real image files hardly shrink
_BOMB = 1 << 24  # unpacked bytes of an image from which the ratio counts
_BOMBS = 1 << 28  # of all together


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
            size = source.stream.seek(0, os.SEEK_END)
            every = sorted((member for member in archive.infolist() if not member.is_dir()), key=member_name)
        except DAMAGE as error:
            raise refuse(source.name, f"not a readable zip archive ({error})", "get the file again") from None
        members = [member for member in every if _is_image(member)]
        note_folders(
            [member_name(member) for member in members],
            [member_name(member) for member in every if not (_is_image(member) or is_hidden(member_name(member)))],
            source.name,
            ledger,
        )
        kept = without_masks([member_name(member) for member in members])
        members = [member for member, is_kept in zip(members, kept) if is_kept]
        if not members:
            held = ", ".join(one_line(member_name(member)) for member in every[:3]) or "nothing"
            known = ", ".join(SUFFIXES)
            raise HeadstartError(
                f"{source.name}: no image, table or text in this archive; it holds {held} (known images: {known})"
            )
        unpacked = sum(member.file_size for member in members)
        if unpacked > max(_BOMBS, _MOST_RATIO * size):  # members may share their bytes
            sizes = f"{unpacked >> 20:,} MiB of images, and has {size / 2**20:,.2f}"
            raise refuse(source.name, f"it says it holds {sizes}, which looks like a bomb", "pack the images anew")
        labels = folder_labels([member_name(member) for member in members])
        for number, (member, label) in enumerate(zip(members, labels), 1):
            if fault := _fault(member):
                ledger.reject(fault[0], source.name, number, f"{member_name(member)}: {fault[1]}")
                continue
            try:
                with archive.open(member) as stream:
                    # One byte more than it says: `read` without a number unpacks as much as there is.
                    image = ImageRef.from_bytes(stream.read(member.file_size + 1))
            except DAMAGE as error:
                ledger.reject("cannot be unpacked", source.name, number, f"{member_name(member)}: {error}")
                continue
            yield Row({"image": image} if label is None else {"image": image, "label": label}, source.name, number)


def _is_image(member: zipfile.ZipInfo) -> bool:
    return not is_hidden(member_name(member)) and member_name(member).lower().endswith(SUFFIXES)


def _fault(member: zipfile.ZipInfo) -> tuple[str, str] | None:
    """Return (reason, detail) why a member must not be unpacked, or None."""
    if member.flag_bits & 1:
        return "encrypted", "unpack it with its password, and give the folder"
    if member.compress_type not in METHODS:
        return "packed by a method that is not read", "pack it by deflate, as zip does"
    if member.file_size > MOST_IMAGE_BYTES:
        return "too large when unpacked", f"{member.file_size >> 20} MiB"
    if member.file_size > max(_BOMB, _MOST_RATIO * member.compress_size):
        return "too large when unpacked", f"{member.file_size / max(member.compress_size, 1):.0f} times its packed size"
    return None
