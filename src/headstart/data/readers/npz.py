"""Numpy archives: an array of images (x, images, data) and, if there are labels, one of labels (y, labels, target)."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.lib import format as npy

from headstart.core.errors import HeadstartError, nearest, one_line
from headstart.core.examples import ImageRef
from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, refuse, short

_IMAGES = ("x", "images", "image", "data", "pixels", "arr_0")
_LABELS = ("y", "labels", "label", "target", "targets", "arr_1")
_MOST_BYTES = 1 << 33  # of an array, unpacked
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound
_MOST_RATIO = 200  # unpacked to packed bytes
_BOMB = 1 << 26  # unpacked bytes, from which the ratio counts


@dataclass(frozen=True, kw_only=True)
class Npz(ReaderSpec):
    """A row is {"image", "label"}. Images are [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W], of 8 or 16 bits, or
    floats from 0 to 1."""

    takes: ClassVar[Literal["image"]] = "image"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    binary: ClassVar[bool] = True

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield the images in their order; `line` counts them. Raises HeadstartError: damaged, no array of images."""
        if not source.stream.seekable():
            raise refuse(source.name, "npz inside a compressed file or pipe cannot be read", "give the .npz itself")
        try:
            archive = zipfile.ZipFile(source.stream)
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        except Exception as error:  # damaged archives raise nearly everything
            raise refuse(source.name, f"not a readable npz file ({short(error)})", "write it again") from None
        name = _named(source.name, members, _IMAGES)
        images = _images(source.name, name, _array(source.name, archive, members[name]))
        labels = None
        if (other := next((known for known in _LABELS if known in members), None)) is not None:
            labels = _array(source.name, archive, members[other])
            if labels.shape == (len(images), 1):
                labels = labels.ravel()
            if labels.shape != (len(images),):
                raise HeadstartError(
                    f"{source.name}: '{other}' is {list(labels.shape)}; expected one label for each of {len(images):,} "
                    f"images in '{name}'"
                )
            ledger.note(f"images in '{name}', labels in '{other}'", source.name)
        for number, image in enumerate(images, 1):
            cells: dict[str, Any] = {"image": ImageRef.from_bytes(_portable(image))}
            if labels is not None:
                cells["label"] = _label(labels[number - 1])
            yield Row(cells, source.name, number)


def _named(source: str, members: dict[str, Any], known: Sequence[str]) -> str:
    """Return the name of the array of images. Raises HeadstartError, with the arrays that are there: none."""
    for name in known:
        if name in members:
            return name
    held = ", ".join(one_line(name) for name in sorted(members)[:6]) or "nothing"
    close = nearest(min(members, key=len), known) if members else ""
    raise HeadstartError(
        f"{source}: no array of images; it holds {held}, expected one called {', '.join(known)}{close}"
    )


def _array(source: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Return an array, whose size is looked at before it is unpacked. Raises HeadstartError: it is unusable."""
    name = one_line(member.filename)
    if member.compress_type not in _METHODS:
        raise refuse(source, f"the array {name} is packed by a method that is not read", "write it by np.savez")
    try:
        with archive.open(member) as stream:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, kind = read(stream)
            size = math.prod(shape) * kind.itemsize
            if not kind.hasobject and size + stream.tell() > member.file_size:
                raise ValueError(f"it should have {size:,} bytes and has {member.file_size - stream.tell():,}")
            large = size > min(_MOST_BYTES, max(_BOMB, _MOST_RATIO * member.compress_size))
        if not large and not kind.hasobject:
            with archive.open(member) as stream:
                return npy.read_array(stream, allow_pickle=False)
    except Exception as error:  # damaged archives raise nearly everything
        raise refuse(
            source, f"the array {name} cannot be read ({short(error) or type(error).__name__})", "write it again"
        ) from None
    if large:
        sizes = f"{size / 2**20:,.0f} MiB, packed {member.compress_size / 2**20:,.2f}"
        fix = f"write arrays of at most {_MOST_BYTES >> 30} GiB, and large ones with np.savez (not compressed)"
        raise refuse(source, f"the array {name} would unpack to {sizes}, which looks like a bomb", fix)
    raise refuse(source, f"the array {name} holds Python objects, which are never loaded", "save numbers or text")


def _images(source: str, name: str, array: np.ndarray) -> np.ndarray:
    """Return uint8 or uint16 images [N, H, W] or [N, H, W, 3]. Raises HeadstartError: other shapes or kinds."""
    found = array
    if found.ndim == 4 and found.shape[-1] not in (1, 3) and found.shape[1] in (1, 3):
        found = np.moveaxis(found, 1, -1)  # channels first
    if found.ndim == 4 and found.shape[-1] == 1:
        found = found[..., 0]
    if found.ndim not in (3, 4) or (found.ndim == 4 and found.shape[-1] != 3) or 0 in found.shape[1:]:
        raise HeadstartError(
            f"{source}: '{name}' is {list(array.shape)}; expected images [N, H, W], [N, H, W, 1 or 3] or "
            "[N, 1 or 3, H, W]"
        )
    if not found.size:
        return found.astype(np.uint8)
    if found.dtype.kind == "f" and 0 <= found.min() <= found.max() <= 1:
        return np.rint(found * 255).astype(np.uint8)
    if found.dtype == bool:
        return found.astype(np.uint8) * 255
    if found.dtype.kind in "ui" and 0 <= found.min() <= found.max() < 1 << 16:
        return np.asarray(found, np.uint8 if found.max() < 256 else np.uint16)
    values = f" from {found.min():g} to {found.max():g}" if found.dtype.kind in "uif" else ""
    raise HeadstartError(f"{source}: '{name}' is {array.dtype}{values}; expected 8 or 16 bits, or floats from 0 to 1")


def _label(value: Any) -> str:
    """Return a label as text; numpy keeps bytes as well as characters."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _portable(image: np.ndarray) -> bytes:
    """Return an image as PGM or PPM (Netpbm), which is a short head and the pixels as they are."""
    kind = b"P6" if image.ndim == 3 else b"P5"
    head = b"%s %d %d %d\n" % (kind, image.shape[1], image.shape[0], np.iinfo(image.dtype).max)
    return head + image.astype(image.dtype.newbyteorder(">")).tobytes()
