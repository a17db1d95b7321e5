"""Durable files: temporary name, fsync, rename, fsync of the folder; sha256; exchange of folders."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import shutil
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from headstart.core.disk_errors import disk_error, is_of_writes
from headstart.core.errors import nearest
from headstart.core.holder import Holder, mark_is_gone, mark_is_here

WRITER = ".writer"  # the claim of whoever writes into a folder (`core/sole_writer.py`)
# `.name.MARK-random.tmp`; the number of a process alone was the mark until 2026-11-28
_LEFTOVER = re.compile(r"\.(.+)\.(?:(\d+-[0-9a-f]{8}-\w*)-[0-9a-f]{6}|\d+)\.(?:tmp|old)")
_SILENT = 24 * 3600.0  # seconds after which a file counts as left behind whose writer cannot be looked for here
_guards: list[Callable[[Path], None]] = []
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def asking(guard: Callable[[Path], None]) -> Iterator[None]:
    """Ask `guard` before a file or folder is published, and about a write that failed, while the block runs.

    It raises an error where the path may not be written any more.
    """
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)


def may_write(path: Path) -> None:
    """Raise what the guards raise, see `asking`."""
    for guard in _guards:
        guard(path)


@contextlib.contextmanager
def writing(path: Path, need: int | Callable[[], int] | None = None) -> Iterator[None]:
    """Let an OSError of a write in the block be a `DiskError`: one line that names the path and what helps.

    write() and fsync() do not say of which file they are: it is `path` then, or something below it. need: bytes that
    it takes in all, asked for once it failed. An OSError of an input that is read meanwhile stays what it is.
    """
    try:
        yield
    except OSError as error:
        may_write(path)
        need = need() if callable(need) else need
        named = as_published(Path(os.fsdecode(error.filename))) if isinstance(error.filename, str | bytes) else path
        own = as_published(path)
        if named != own and own not in named.parents and named not in own.parents and not is_of_writes(error):
            raise
        raise disk_error(own if named in own.parents else named, error, need) from None


def as_published(path: Path) -> Path:
    """Return the path with the names that files and folders have once they are whole, see `temporary_beside`."""
    parts = [found[1] if (found := _LEFTOVER.fullmatch(part)) else part for part in path.parts]
    return Path(*parts)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably, where they are missing. Raises DiskError."""
    with writing(folder):
        for missing in reversed([one for one in (folder, *folder.parents) if not one.is_dir()]):
            missing.mkdir(exist_ok=True)  # raises where a file is there
            sync_folder(missing.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable. Raises DiskError."""
    with writing(folder):
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
            with writing(target):
                os.rename(path, target)
        else:
            _remove(path)


def left_behind(folder: Path) -> list[str]:
    """Return the names, relative to `folder`, of what writers left there and below that surely write no more."""
    left = [path for path, mark in _leftovers(folder) if _is_left(path, mark)]
    return sorted(path.relative_to(folder).as_posix() for path in left)


def remove_leftovers_of(folder: Path, writer: Holder) -> None:
    """Remove everywhere below `folder` what a writer left behind that is known to be gone, on whatever machine."""
    for path, mark in _leftovers(folder):
        if mark == writer.mark and path.suffix == ".tmp":
            _remove(path)


def _leftovers(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield every leftover at or below `folder` with the mark of its writer; they may be removed meanwhile."""
    for home, _, _ in os.walk(folder):
        for path in list(Path(home).iterdir()):
            if found := _LEFTOVER.fullmatch(path.name):
                yield path, found[2]


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; what cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


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
    """Write a whole file so that a crash leaves the old one or the new one, never a torn one. Raises DiskError."""
    make_folder(path.parent)
    temporary = temporary_beside(path)
    with writing(path, need=len(data)):
        try:
            with open(temporary, "wb") as stream:
                stream.write(data)
                sync_file(stream)
            publish(temporary, path)
        except BaseException:
            _remove(temporary)
            raise


def publish(temporary: Path, path: Path) -> None:
    """Give a file that is durable its own name, durably. Raises DiskError."""
    may_write(path)
    with writing(path):
        os.replace(temporary, path)
        sync_folder(path.parent)


def sync_file(stream: BinaryIO) -> None:
    """Make durable what was written to a file. Raises OSError."""
    stream.flush()
    os.fsync(stream.fileno())


class AppendedFile:
    """A file that only gets longer: what is appended is there as a whole, or the file is as it was before."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises DiskError."""
        self.path = path
        with writing(path):
            self._stream = open(path, "ab", buffering=0)  # noqa: SIM115 (lives as long as this)
            self._end = path.stat().st_size

    def append(self, data: bytes) -> None:
        """Write at the end, not durably yet. Raises DiskError."""
        may_write(self.path)
        with writing(self.path, need=len(data)):
            if self.path.stat().st_size > self._end:  # what a refused write left could not be cut off then
                self._stream.truncate(self._end)
            try:
                left = data
                while left:
                    left = left[self._stream.write(left) :]
            except OSError:
                with contextlib.suppress(OSError):
                    self._stream.truncate(self._end)
                raise
            self._end += len(data)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a text that were written to their end, without it; [] where there is no file.

    Behind the last end may be what a killed writer left.
    """
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]


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


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder into a new one, links as links. Raises DiskError."""
    for home, folders, names in os.walk(source):
        place = target / Path(home).relative_to(source)
        make_folder(place)
        for name in [*names, *(one for one in folders if (Path(home) / one).is_symlink())]:
            with writing(place / name):
                shutil.copyfile(Path(home) / name, place / name, follow_symlinks=False)


def replace_folder(temporary: Path, folder: Path) -> None:
    """Put `temporary` in the place of `folder`; the old content of `folder` is removed. Raises DiskError.

    Linux exchanges both names in one step. Elsewhere the old folder is moved away first: a kill between the two steps
    leaves it as `.name.PID.old`, which `remove_leftovers` moves back. The old content goes once the new one is durable;
    what cannot be made durable is taken back.
    """
    old = temporary
    with writing(folder), contextlib.ExitStack() as taken_back:
        if not folder.exists():
            os.replace(temporary, folder)
            taken_back.callback(os.replace, folder, temporary)
        elif _exchange(temporary, folder):
            taken_back.callback(_exchange, temporary, folder)
        else:
            old = temporary_beside(folder, "old")
            os.replace(folder, old)
            taken_back.callback(os.rename, old, folder)
            os.replace(temporary, folder)
            taken_back.callback(os.replace, folder, temporary)
        sync_folder(folder.parent)
        taken_back.pop_all()
    shutil.rmtree(old, ignore_errors=True)


def remove_file(path: Path) -> None:
    """Remove a file, if it is there. Raises DiskError."""
    with writing(path):
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove `folder`; a kill leaves it whole or under the name of a leftover, never in part under its own name.

    Raises DiskError: it cannot be removed, and is whole.
    """
    if folder.is_dir():
        gone = temporary_beside(folder)
        with writing(folder):
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
