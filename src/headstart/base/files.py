"""Durable files: temporary name, fsync, rename, fsync of the folder; sha256; whole folders likewise; errors."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headstart.base.errors import HeadstartError, nearest


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file so that a crash leaves the old one or the new one, never a torn one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, data: Any) -> None:
    """Write JSON (UTF-8, indented, non-ASCII kept readable; no NaN, which JSON has not); see `write_bytes`."""
    write_bytes(path, (json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON. Raises HeadstartError that names the file and line when missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HeadstartError(f"{path}: not valid JSON ({error})") from None


def nearest_beside(path: Path) -> str:
    """Return `; did you mean 'x'?` for what lies beside a missing `path` and is named alike, or an empty string."""
    try:
        return nearest(path.name, [beside.name for beside in path.parent.iterdir()])
    except OSError:
        return ""


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Create `folder` whole or not at all: `fill(temporary)` writes the files; a manifest with sha256 is added.

    An existing `folder` of that name is replaced. Raises OSError (disk full, no permission); nothing half-written
    stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        fill(temporary)
        files = sorted(p for p in temporary.rglob("*") if p.is_file())
        manifest = {str(p.relative_to(temporary)): {"sha256": sha256(p), "bytes": p.stat().st_size} for p in files}
        write_json(temporary / "manifest.json", manifest)
        for path in files:
            with open(path, "rb+") as stream:
                os.fsync(stream.fileno())
        sync_folder(temporary)
        _exchange(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def _exchange(temporary: Path, folder: Path) -> None:
    """Put `temporary` in the place of `folder`; the old folder comes back when that fails."""
    if not folder.exists():
        os.replace(temporary, folder)
        return
    stale = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    os.replace(folder, stale)
    try:
        os.replace(temporary, folder)
    except BaseException:
        os.rename(stale, folder)
        raise
    shutil.rmtree(stale)


def disk_error(path: Path, error: OSError, need: int | None = None) -> HeadstartError:
    """Return one line for an OSError of a write: what, where, how much is free, what to do.

    need: bytes that the write will take in all, where they are known.
    """
    parent = next((p for p in [path, *path.parents] if p.exists()), Path("/"))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(parent).free / 2**20
        wanted = "some space" if need is None else f"about {need // 2**20 + 1:,} MB"
        return HeadstartError(
            f"disk full while writing {path} ({free:.0f} MB free); what was saved before is intact: "
            f"free {wanted} and run the same command again (pretrain: with --resume)"
        )
    if (file := next((p for p in path.parents if p.is_file()), None)) is not None:
        return HeadstartError(f"cannot write {path}: {file} is a file, not a folder")
    return HeadstartError(f"cannot write {path}: {error.strerror or error}; choose a folder you may write to")


def check_folder(folder: Path) -> str | None:
    """Return what is wrong with a folder written by `write_folder` (one phrase), or None when every byte agrees."""
    try:
        manifest = read_json(folder / "manifest.json")
        for name, entry in manifest.items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != entry["bytes"] or sha256(path) != entry["sha256"]:
                return f"{name} does not match its checksum"
    except (HeadstartError, OSError, AttributeError, KeyError, TypeError) as error:
        return str(error)
    return None
