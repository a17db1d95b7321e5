"""Durable files: temporary name, fsync, rename, fsync of the folder; sha256; exchange of folders; errors."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError, nearest

_LEFTOVER = re.compile(r"\..+\.(\d+)\.(?:tmp|old)")
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
    """Return the name that this process writes to before it takes the place of `path`; see `is_leftover`."""
    return path.with_name(f".{path.name}.{os.getpid()}.{ending}")


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is what a killed writer left behind (`.name.PID.tmp`, `.name.PID.old`)."""
    return _LEFTOVER.fullmatch(name) is not None


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove from `folder` what writers left behind that no longer run; with `name`, only the leftovers of that name.

    A folder whose exchange was killed half-way (see `replace_folder`) gets its old content back first.
    """
    for path in [path for path in folder.iterdir() if is_leftover(path.name)]:
        number = int(_LEFTOVER.fullmatch(path.name)[1])
        target = path.with_name(path.name[1:].removesuffix(path.suffix).removesuffix(f".{number}"))
        if (name and target.name != name) or (number != os.getpid() and _runs(number)):
            continue
        if path.suffix == ".old" and not target.exists():
            os.rename(path, target)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether a process of this number is alive."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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


def read_bytes_or_none(path: Path) -> bytes | None:
    """Return the bytes of a file, or None where it is not there (any more) or is locked."""
    try:
        return path.read_bytes()
    except OSError:
        return None


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
