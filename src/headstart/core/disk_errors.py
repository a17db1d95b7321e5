"""What a disk refuses, in one line: which path, why, and what helps; a table of errno for reading and for writing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from headstart.core.errors import HeadstartError

_AGAIN = "then run the same command again (pretrain: with --resume)"
# What an errno says, and what helps where a write met it.
_WRITE = {
    errno.EACCES: ("no permission", "give yourself the right to write there, or choose another folder"),
    errno.EROFS: ("the file system is read-only", "choose a folder on a disk that may be written to"),
    errno.EIO: (
        "the disk reports a fault (input/output error)",
        f"what was saved before is intact; have the disk checked (dmesg names the fault), {_AGAIN}",
    ),
    errno.EFBIG: (
        "the file is larger than allowed",
        f"raise the limit (ulimit -f unlimited) or choose another file system, {_AGAIN}",
    ),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EMFILE: ("too many files are open", "raise the limit: ulimit -n 4096"),
    errno.ENOENT: ("its folder is gone, or cannot be made", "choose another folder"),
    errno.ESTALE: ("the network file system does not answer", f"mount it again, {_AGAIN}"),
    errno.ENODEV: ("the disk is gone", f"attach it again, {_AGAIN}"),
    errno.EBUSY: ("another program holds it", f"end that program, {_AGAIN}"),
    errno.ELOOP: ("its symbolic links lead in a circle", "choose another folder"),
    errno.EINVAL: ("the file system cannot do this", "choose a folder on another file system"),
}
_READ = {
    errno.EACCES: ("no permission", "give yourself the right to read it"),
    errno.EIO: (
        "the disk reports a fault (input/output error)",
        "copy the file anew from where it came; have the disk checked (dmesg names the fault)",
    ),
    errno.ENOENT: ("no such file", "look for it under another name"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "look for it under another name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EMFILE: ("too many files are open", "raise the limit: ulimit -n 4096"),
    errno.ESTALE: ("the network file system does not answer", "mount it again"),
    errno.ENODEV: ("the disk is gone", "attach it again"),
    errno.EBUSY: ("another program holds it", "end that program"),
    errno.ELOOP: ("its symbolic links lead in a circle", "look for it under another name"),
}
# Other codes that mean the same.
_SAME = {
    **dict.fromkeys((errno.EPERM,), errno.EACCES),
    **dict.fromkeys((errno.ENFILE,), errno.EMFILE),
    **dict.fromkeys((errno.ETXTBSY,), errno.EBUSY),
    **dict.fromkeys((errno.ENXIO,), errno.ENODEV),
    **dict.fromkeys((errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK), errno.EINVAL),
    **dict.fromkeys(
        (errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOTCONN, errno.ECONNRESET),
        errno.ESTALE,
    ),
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ONLY_WRITES = (*_FULL, errno.EROFS, errno.EFBIG)


class DiskError(OSError, HeadstartError):
    """The disk refused a write: an OSError with its errno, whose message is a whole line for people. path: of what."""

    path: Path

    def __str__(self) -> str:
        """Return the message, see `HeadstartError`."""
        return HeadstartError.__str__(self)


class DiskFull(DiskError):
    """There is no room, which may change. need: bytes that the write takes in all, None: not known."""

    need: int | None = None


def disk_error(path: Path, error: OSError, need: int | None = None) -> DiskError:
    """Return one line for an OSError of a write to `path`: what, where, how much is free, what helps.

    need: bytes that the write will take in all, where they are known. An error that was made here before keeps its
    path; the one who knows how much all of it takes says so.
    """
    if isinstance(error, DiskError) and (need is None or error.errno not in _FULL):
        return error
    path = error.path if isinstance(error, DiskError) else path
    if error.errno in _FULL:
        made = DiskFull(_full(path, error.errno, need))
        made.need = need
    else:
        made = DiskError(_refused(path, error))
    made.errno, made.path = error.errno, path
    return made


def read_error(path: Path | str, error: OSError) -> HeadstartError:
    """Return one line for an OSError of reading `path`."""
    code = _SAME.get(error.errno, error.errno)
    why, helps = _READ.get(code, (error.strerror or str(error), "copy it to another disk"))
    return HeadstartError(f"cannot read {path}: {why}; {helps}")


def told_of(error: OSError) -> HeadstartError:
    """Return one line for an OSError that nobody expected, by the path that it carries."""
    if isinstance(error, HeadstartError):
        return error
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else "a file"
    return disk_error(Path(path), error) if error.errno in _ONLY_WRITES else read_error(path, error)


def _full(path: Path, code: int | None, need: int | None) -> str:
    wanted = "some space" if need is None else f"about {need // 2**20 + 1:,} MB"
    if code == errno.EDQUOT:
        return (
            f"cannot write {path}: your quota of this file system is used up; what was saved before is intact: "
            f"remove files of yours there ({wanted}) and run the same command again (pretrain: with --resume)"
        )
    there = existing(path)
    if _without_inodes(there):
        return (
            f"cannot write {path}: the file system has no place for more files (df -i); what was saved before is "
            "intact: remove some files and run the same command again (pretrain: with --resume)"
        )
    free = shutil.disk_usage(there).free / 2**20
    return (
        f"disk full while writing {path} ({free:.0f} MB free); what was saved before is intact: "
        f"free {wanted} and run the same command again (pretrain: with --resume)"
    )


def _without_inodes(folder: Path) -> bool:
    try:
        about = os.statvfs(folder)
    except (OSError, AttributeError):  # no such call on Windows
        return False
    return about.f_files > 0 and about.f_favail == 0


def _refused(path: Path, error: OSError) -> str:
    if (file := next((p for p in path.parents if p.exists() and not p.is_dir()), None)) is not None:
        return f"cannot write {path}: {file} is a file, not a folder"
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY) or (error.errno == errno.EEXIST and path.is_dir()):
        return f"cannot write {path}: a folder is there; choose another name"
    if error.errno == errno.EEXIST:
        return f"cannot write {path}: a file is there, not a folder; choose another name"
    code = _SAME.get(error.errno, error.errno)
    why, helps = _WRITE.get(code, (error.strerror or str(error), "choose another folder"))
    return f"cannot write {path}: {why}; {helps}"


def existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next((p for p in [path, *path.parents] if p.exists()), Path("/"))


def is_of_writes(error: OSError) -> bool:
    """Whether only a write can meet this error."""
    return error.errno in _ONLY_WRITES
