"""Zip archives of tables and texts: which files lie in one, and a copy of one of them to read from."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import suppress
from functools import cache
from io import FileIO
from pathlib import Path
from typing import IO

from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError, one_line
from headstart.core.files import writing
from headstart.core.scratch import lasting_scratch_folder
from headstart.data.row import refuse

SUFFIX = ".zip"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound on what a few bytes become
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)
_MOST_RATIO = 200  # unpacked to packed bytes,
_BOMB = 1 << 28  # from so many unpacked bytes on
_BLOCK = 1 << 20


def member_name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member with / between folders.

    Names without the mark of UTF-8 were read as code page 437: what Windows wrote in Korean (CP949), and programs that
    leave the mark out, is put right.
    """
    name = member.filename
    if not member.flag_bits & 0x800:
        for encoding in ("cp949", "utf-8"):  # the last that fits
            with suppress(UnicodeError):
                name = member.filename.encode("cp437").decode(encoding)
    return name.replace("\\", "/")


def is_hidden(name: str) -> bool:
    """Whether a member is none of the user's files, such as what macOS adds."""
    parts = name.split("/")
    return any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in parts)


def names_inside(path: Path) -> list[str]:
    """Return the names of the files in a zip archive, sorted, without hidden ones; empty where it is no archive."""
    return sorted(_members(*_state(path)))


def archive_of(name: str) -> tuple[Path, str] | None:
    """Return (archive, name of the file in it) of `archive.zip/folder/rows.csv`, or None."""
    path = Path(name)
    for parent in path.parents:
        if parent.suffix.lower() == SUFFIX and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


def unpacked(archive: Path, name: str) -> Path:
    """Return a copy of a file in an archive, which goes when the program ends.

    Raises HeadstartError: no such file, encrypted, damaged, would unpack to far more than it is packed in.
    """
    return _unpacked(*_state(archive), name)


def _state(path: Path) -> tuple[str, int, int]:
    """Return what an archive is known by: one that was written again is another one."""
    found = path.stat()
    return str(path), found.st_mtime_ns, found.st_size


@cache
def _members(path: str, changed: int, size: int) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            named = {member_name(member): member for member in archive.infolist() if not member.is_dir()}
    except DAMAGE:
        return {}
    return {name: member for name, member in named.items() if not is_hidden(name)}


@cache
def _unpacked(path: str, changed: int, size: int, name: str) -> Path:
    shown = f"{path}/{one_line(name)}"
    member = _members(path, changed, size).get(name)
    if member is None:
        raise HeadstartError(f"{shown}: no such file in this archive")
    if member.flag_bits & 1:
        raise refuse(shown, "encrypted", "unpack it with its password")
    if member.compress_type not in METHODS:
        raise refuse(shown, "packed by a method that is not read", "pack it by deflate, as zip does")
    if member.file_size > max(_BOMB, _MOST_RATIO * member.compress_size):
        sizes = f"{member.file_size >> 20:,} MiB, packed {member.compress_size / 2**20:,.2f}"
        raise refuse(shown, f"it would unpack to {sizes}, which looks like a bomb", "pack it anew")
    copy = lasting_scratch_folder("zip") / "file"
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as packed, FileIO(copy, "wb") as target:
            _copied(packed, target, copy, member.file_size)
    except DiskError:  # no damage of the archive
        raise
    except DAMAGE as error:
        raise refuse(shown, f"it cannot be unpacked ({error})", "get the archive again") from None
    return copy


def _copied(packed: IO[bytes], target: FileIO, copy: Path, size: int) -> None:
    """Copy a member of that size. Raises what `zipfile` raises of damage, and DiskError of the copy."""
    while block := packed.read(_BLOCK):
        with writing(copy, need=size):
            while block:
                block = block[target.write(block) :]
