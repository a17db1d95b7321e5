"""Durable files: temporary name, fsync, rename, fsync of the folder; sha256; exchange of folders; errors."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import time
import unicodedata
import uuid
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError, nearest
from headstart.core.holder import Holder, mark_is_gone, mark_is_here

WRITER = ".writer"  # the claim of whoever writes into a folder (`core/sole_writer.py`)
# `.name.MARK-random.tmp`; the number of a process alone was the mark until 2026-11-28
_LEFTOVER = re.compile(r"\.(.+)\.(?:(\d+-[0-9a-f]{8}-\w*)-[0-9a-f]{6}|\d+)\.(?:tmp|old)")
_SILENT = 24 * 3600.0  # seconds after which a file counts as left behind whose writer cannot be looked for here
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2


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


def temporary_beside(path: Path, ending: str = "tmp") -> Path:
    """Return a name that this process alone writes to, once, before it takes the place of `path`; see `is_leftover`."""
    return path.with_name(f".{path.name}.{Holder.here().mark}-{uuid.uuid4().hex[:6]}.{ending}")


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is what a writer has not finished (`.name.MARK-random.tmp`, `.old`)."""
    return _LEFTOVER.fullmatch(name) is not None


def is_passing(name: str) -> bool:
    """Whether a file or folder of this name is there because somebody writes, or was killed: it is no content."""
    return name == WRITER or is_leftover(name)


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove from `folder` what writers left behind that surely write no more; with `name`, only that of this name.

    These are ended processes of this host. A writer elsewhere, or of a version that did not say where it writes, counts
    as ended when nothing has changed for a day. A folder whose exchange was killed half-way (see `replace_folder`) gets
    its old content back first.
    """
    for path in [path for path in folder.iterdir() if is_leftover(path.name)]:
        called, mark = _LEFTOVER.fullmatch(path.name).groups()
        target = path.with_name(called)
        if (name and called != name) or not _is_left(path, mark):
            continue
        if path.suffix == ".old" and not target.exists():
            os.rename(path, target)
        else:
            _remove(path)


def remove_leftovers_of(folder: Path, writer: Holder) -> None:
    """Remove everywhere below `folder` what a writer left behind that is known to be gone, on whatever machine."""
    for home, _, _ in os.walk(folder):
        for path in [path for path in Path(home).iterdir() if is_leftover(path.name)]:
            if _LEFTOVER.fullmatch(path.name)[2] == writer.mark and path.suffix == ".tmp":
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; what cannot be removed stays. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_left(path: Path, mark: str | None) -> bool:
    """Whether the writer of a leftover has surely ended."""
    if mark is not None and mark_is_here(mark):
        return mark_is_gone(mark)
    return _is_silent(path)


def _is_silent(path: Path) -> bool:
    """Whether nothing at or below `path` has changed for a day."""
    try:
        newest = max(one.lstat().st_mtime for one in (path, *(path.rglob("*") if path.is_dir() else ())))
    except OSError:  # somebody is at it
        return False
    return time.time() - newest > _SILENT


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file so that a crash leaves the old one or the new one, never a torn one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
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


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a text that were written to their end, without it; [] where there is no file.

    Behind the last end may be what a killed writer left.
    """
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]


def json_bytes(data: Any) -> bytes:
    """Return JSON as it is written: UTF-8, indented, non-ASCII kept readable; no NaN, which JSON has not."""
    return (json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def write_json(path: Path, data: Any) -> None:
    """Write JSON; see `json_bytes` and `write_bytes`."""
    write_bytes(path, json_bytes(data))


def read_json(path: Path) -> Any:
    """Read JSON. Raises HeadstartError that names the file and line when missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HeadstartError(f"{path}: not valid JSON ({error})") from None


def as_called(name: str) -> str:
    """Return the name under which a file is there: macOS writes 각 as three characters, others as one (NFD, NFC)."""
    if os.path.exists(name):
        return name
    forms = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    return next((form for form in forms if os.path.exists(form)), name)


def nearest_beside(path: Path) -> str:
    """Return `; did you mean 'x'?` for what lies beside a missing `path` and is named alike, or an empty string."""
    try:
        return nearest(path.name, [beside.name for beside in path.parent.iterdir()])
    except OSError:
        return ""


def replace_folder(temporary: Path, folder: Path) -> None:
    """Put `temporary` in the place of `folder`; the old content of `folder` is removed. Raises OSError.

    Linux exchanges both names in one step. Elsewhere the old folder is moved away first: a kill between the two steps
    leaves it as `.name.PID.old`, which `remove_leftovers` moves back.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    if not folder.exists():
        os.replace(temporary, folder)
    elif _exchange(temporary, folder):
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        stale = temporary_beside(folder, "old")
        os.replace(folder, stale)
        try:
            os.replace(temporary, folder)
        except BaseException:
            os.rename(stale, folder)
            raise
        shutil.rmtree(stale, ignore_errors=True)
    sync_folder(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove `folder`; a kill leaves it whole or under the name of a leftover, never in part under its own name."""
    if folder.is_dir():
        gone = temporary_beside(folder)
        os.replace(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _exchange(one: Path, two: Path) -> bool:
    """Exchange two names in one step; return False where the system or the file system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    if not call(_HERE, os.fsencode(one), _HERE, os.fsencode(two), _EXCHANGE):
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV):
        return False
    raise OSError(code, os.strerror(code), str(two))


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
