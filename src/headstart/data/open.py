"""Opening files, folders and standard input: decompression, encoding, choice of the reader, rows."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from headstart.core import registry
from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.core.files import as_called, nearest_beside, writing
from headstart.core.scratch import lasting_scratch_folder
from headstart.core.spec import ReaderSpec
from headstart.data import archives
from headstart.data.encodings import as_utf8
from headstart.data.image_cells import SUFFIXES as IMAGE_SUFFIXES
from headstart.data.image_cells import with_images
from headstart.data.ledger import Ledger
from headstart.data.read_how import ReadHow, current
from headstart.data.row import Block, ByteStream, Row, Source, in_blocks, refuse
from headstart.data.streams import decompressed, need_text, with_line_ends
from headstart.data.token_cells import with_spans
from headstart.data.written_cells import with_written

STDIN = "-"
IN_MEMORY = "in_memory"  # what files are called that hold what was in memory, in folders named by their content
_DIGEST = re.compile(r"[0-9a-f]{32}")
COMPRESSED = (".gz", ".xz", ".bz2")
_MOST_COPIED = 64 << 30  # bytes of a pipe, in all
_PART = 1 << 20  # and at once
_ARROW_NOTES = ("state.json", "dataset_info.json", "dataset_dict.json")  # of `datasets`, beside .arrow files
_NOTICES = ("readme", "license", "licence", "copying", "notice", "changelog")  # beside data, not data


def as_paths(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """Return one or several names as a list of text."""
    return [os.fspath(paths)] if isinstance(paths, str | os.PathLike) else [os.fspath(path) for path in paths]


def expand(
    paths: str | Path | Sequence[str | Path], ledger: Ledger | None = None, reader: ReaderSpec | None = None
) -> list[str]:
    """Return the files that `paths` name, folders searched through in sorted order, '-' kept.

    In folders only files that a reader knows by suffix count; hidden ones never do. A folder that a reader of folders
    recognises, or any where `reader` is one, is kept as it is. Tables and texts in a zip archive without images are
    named `archive.zip/rows.csv`. Raises HeadstartError: a missing file (with the nearest
    name beside it), a folder without readable files, nothing named.
    """
    found: list[str] = []
    for name in map(as_called, as_paths(paths)):
        path = Path(name)
        if name != STDIN and path.is_dir():
            whole = reader.folders if reader else _folder_reader(path) is not None
            found.extend([name] if whole else _inside(path, ledger))
        elif name == STDIN or path.exists():
            found.extend((None if reader else _in_archive(path, ledger)) or [name])
        elif archives.archive_of(name):
            found.append(name)
        else:
            raise _missing(path)
    if not found:
        raise HeadstartError("no file given; name files, folders or - for standard input")
    return list(dict.fromkeys(found))


def _inside(folder: Path, ledger: Ledger | None) -> list[str]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not _hidden(p.relative_to(folder))]
    known = _data_alone([str(p) for p in files if suffix(str(p)) in _suffixes()])
    if not known:
        held = f"it holds {', '.join(p.name for p in files[:3])}" if files else "it is empty"
        raise HeadstartError(f"{folder}: no file to read in this folder; {held} (known: {', '.join(_suffixes())})")
    pictures = {p for p in files if p.suffix.lower() in IMAGE_SUFFIXES}
    if ledger is not None and pictures:
        ledger.note(f"{len(pictures):,} images lie in it; those that a table names are read", str(folder))
    read = set(known)
    _note_passed([p.name for p in files if str(p) not in read and p not in pictures], str(folder), ledger)
    return known


def _data_alone(names: list[str]) -> list[str]:
    """Return the names of data: without what `datasets` notes beside it, copies, README.txt and the like."""
    if any(suffix(name) == ".arrow" for name in names):
        names = [name for name in names if Path(name).name not in _ARROW_NOTES]
    # A file and its compressed copy are one.
    plain = {name for name in names if not name.endswith(COMPRESSED)}
    names = [name for name in names if name in plain or str(Path(name).with_suffix("")) not in plain]
    return [name for name in names if Path(name).stem.casefold() not in _NOTICES] or names


def _in_archive(path: Path, ledger: Ledger | None) -> list[str]:
    """Return the tables and texts in a zip archive; none where it has images, or is something else."""
    names = archives.names_inside(path) if path.suffix.lower() == archives.SUFFIX and path.is_file() else []
    pictures = any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names)
    tables = set() if pictures else set(_suffixes()) - {archives.SUFFIX}
    known = _data_alone([name for name in names if suffix(name) in tables])
    if known:
        read = set(known)
        _note_passed([name for name in names if name not in read], str(path), ledger)
    return [f"{path}/{name}" for name in known]


def _note_passed(passed: list[str], source: str, ledger: Ledger | None) -> None:
    if ledger is not None and passed:
        some = ", ".join(passed[:3]) + (" ..." if len(passed) > 3 else "")
        ledger.note(f"passed over {len(passed)} of unknown format ({some})", source)


def _folder_kinds() -> list[type[ReaderSpec]]:
    """Return the readers of folders."""
    kinds = (registry.load("reader", name) for name in registry.names("reader"))
    return [kind for kind in kinds if kind.folders]


def _folder_reader(folder: Path) -> ReaderSpec | None:
    """Return the reader that recognises a folder as a data set of its own, or None."""
    return next((kind() for kind in _folder_kinds() if kind.recognises_folder(folder)), None)


def files_of(name: str) -> list[Path]:
    """Return the regular files of a name from `expand`: a file, the spooled copy of '-', or all files in a folder."""
    path = Path(name)
    if name != STDIN and path.is_dir():
        return [p for p in sorted(path.rglob("*")) if p.is_file() and not _hidden(p.relative_to(path))]
    return [on_disk(name)]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _missing(path: Path) -> HeadstartError:
    lost = "" if path.parent.is_dir() else f", and no folder {path.parent}"
    return HeadstartError(f"{path}: no such file{lost or nearest_beside(path)}")


def suffix(name: str) -> str:
    """Return the format suffix in lower case, the one under .gz, .xz or .bz2."""
    path = Path(name.lower())
    while path.suffix in COMPRESSED:
        path = path.with_suffix("")
    return path.suffix


@cache
def _suffixes() -> dict[str, str]:
    """Return the reader's name of every known suffix."""
    return {end: name for name in registry.names("reader") for end in registry.load("reader", name).suffixes}


def known_suffix(name: str) -> bool:
    """Whether a name ends as files do that a reader knows, or an image."""
    return suffix(name) in (*_suffixes(), *IMAGE_SUFFIXES)


@cache
def _spooled(name: str) -> Path:
    """Copy standard input or a pipe to a temporary file once, so that it can be read more than once.

    Raises HeadstartError: see `copied`.
    """
    copy = lasting_scratch_folder("spool") / "file"
    with writing(copy), open(copy, "wb") as spool:
        copied(name, spool, copy.parent)
    return copy


def copied(name: str, copy: BinaryIO, folder: Path) -> None:
    """Copy standard input or a pipe into a file of a folder.

    Raises HeadstartError: a device, which may never end; more than the disk should take, of which nothing is left.
    """
    _need_end(name)
    most, come = min(_MOST_COPIED, shutil.disk_usage(folder).free // 2), 0
    with contextlib.nullcontext(sys.stdin.buffer) if name == STDIN else open(name, "rb") as pipe:
        while come <= most and (data := pipe.read(_PART)):
            come += len(data)
            copy.write(data)
    if come > most:
        copy.truncate(0)
        limit = f"{most / 2**30:,.1f} GiB ({_MOST_COPIED >> 30} GiB, or half of the free space of {folder})"
        raise HeadstartError(f"{shown(name)}: more than {limit} came; write it to a file and give that")


def _need_end(name: str) -> None:
    """Raise HeadstartError where a device is to be read, which may never end; a terminal may be standard input."""
    try:
        about = os.stat(name) if name != STDIN else os.fstat(sys.stdin.fileno())
        endless = stat.S_ISBLK(about.st_mode) or stat.S_ISCHR(about.st_mode)
        endless = endless and about.st_rdev != os.stat(os.devnull).st_rdev and not _typed(name)
    except OSError:  # not there, which `open` says; or no file at all
        return
    if endless:
        raise HeadstartError(f"{shown(name)}: this is a device, not a file; give a file or a pipe")


def _typed(name: str) -> bool:
    """Whether somebody types it."""
    return name == STDIN and sys.stdin.isatty()


def on_disk(name: str) -> Path:
    """Return the regular file of a name; for '-', pipes and files in archives a copy."""
    if not Path(name).exists() and (inside := archives.archive_of(name)):
        return archives.unpacked(*inside)
    return Path(name) if name != STDIN and Path(name).is_file() else _spooled(name)


def shown(name: str) -> str:
    """Return the name of a file for messages."""
    if Path(name).stem == IN_MEMORY and _DIGEST.fullmatch(Path(name).parent.name):
        return "data in memory"
    return "standard input" if name == STDIN else name


def called(name: str) -> str:
    """Return the name of a file without its folders, for messages."""
    return Path(shown(name)).name


@contextmanager
def opened(name: str, ledger: Ledger) -> Iterator[tuple[ByteStream, bytes]]:
    """Open a file for reading: (stream of decompressed bytes after any byte-order mark, its first 64 KiB).

    Raises HeadstartError: no permission, empty, not decompressible at all.
    """
    source = shown(name)
    try:
        raw = io.FileIO(on_disk(name))
    except DiskError:  # of the copy
        raise
    except OSError as error:
        raise HeadstartError(f"{source}: cannot be opened ({error.strerror})") from None
    with raw:
        try:
            stream = decompressed(raw, source, ledger)
            head = stream.peek()
        except OSError as error:
            raise HeadstartError(f"{source}: cannot be read ({error.strerror or error})") from None
        with stream:
            if not head and stream.damage:
                raise refuse(source, f"nothing could be decompressed ({stream.damage})", "get the file again")
            if not head:
                raise HeadstartError(f"{source}: the file is empty")
            yield stream, head


def choose_reader(name: str, head: bytes, *, tables: bool = True) -> ReaderSpec:
    """Return the reader by suffix, else by what the first bytes look like, else plain text.

    Readers without a suffix of their own (SQuAD is a kind of .json) look at the bytes before the suffix decides.
    tables: whether what is called plain text may be a table.
    """
    kinds = sorted((registry.load("reader", choice) for choice in registry.names("reader")), key=_has_suffixes)
    known = _suffixes().get(suffix(name))
    if (
        known == "txt"
        and tables
        and (found := next((kind for kind in kinds if kind.plain and kind.recognises(head)), None))
    ):
        return found()
    if known == "csv":  # a table of lines is told by nothing, other formats that are called so by their first bytes
        others = [kind for kind in kinds if kind is not registry.load("reader", known)]
        if found := next((kind for kind in others if kind.recognises(head)), None):
            return found()
    for kind in kinds:
        if _has_suffixes(kind) and known:
            break
        if kind.recognises(head):
            return kind()
    return registry.load("reader", known or "txt")()


def _has_suffixes(kind: type[ReaderSpec]) -> bool:
    return bool(kind.suffixes)


def read_rows(
    name: str,
    ledger: Ledger,
    *,
    unit: str = "auto",
    reader: ReaderSpec | None = None,
    tables: bool = True,
    how: ReadHow | None = None,
) -> Iterator[Row]:
    """Yield the rows of one file of `expand`; the ledger counts each as read, the caller answers with `use` or `skip`.

    unit: what a document of plain text is. reader: instead of the one chosen by suffix. tables: see `choose_reader`.
    how: settings of the readers, None: those that hold here (`read_how.reading`).
    Texts of other encodings than UTF-8 are recognised and noted. Raises HeadstartError naming the file: missing, empty,
    binary, in an encoding that nothing tells, nothing readable.
    """
    if Path(name).is_dir() and (folder_reader := reader or _folder_reader(Path(name))):
        yield from folder_reader.read(Source(shown(name), folder=Path(name)), ledger)
        return
    with _reading(name, ledger, unit, reader, tables, how) as (chosen, source):
        yield from _whole(chosen.read(source, ledger), name, ledger)


def read_blocks(
    name: str, ledger: Ledger, *, unit: str, reader: ReaderSpec | None, tables: bool, how: ReadHow | None
) -> Iterator[Block]:
    """Yield what `read_rows` yields in blocks of many rows, which is sooner for lines of text."""
    if Path(name).is_dir():
        yield from in_blocks(read_rows(name, ledger, unit=unit, reader=reader, tables=tables, how=how))
        return
    with _reading(name, ledger, unit, reader, tables, how) as (chosen, source):
        blocks = chosen.blocks(source, ledger)
        yield from in_blocks(_whole(chosen.read(source, ledger), name, ledger)) if blocks is None else blocks


def _whole(rows: Iterator[Row], name: str, ledger: Ledger) -> Iterator[Row]:
    """Yield rows with the images, lists and spans that their cells stand for."""
    return with_spans(with_written(with_images(rows, Path(name).parent, ledger), ledger), ledger)


@contextmanager
def _reading(
    name: str, ledger: Ledger, unit: str, reader: ReaderSpec | None, tables: bool, how: ReadHow | None
) -> Iterator[tuple[ReaderSpec, Source]]:
    """Open a file and choose its reader; see `read_rows`."""
    source, how = shown(name), current() if how is None else how
    with opened(name, ledger) as (stream, head):
        try:
            chosen = reader or choose_reader(name, head, tables=tables)
            if not chosen.binary:
                need_text(head, source)
                stream, found = as_utf8(stream, head, source, how.encoding)
                if found.why and found.codec != "utf-8":
                    ledger.note(f"read as {found.name} ({found.why})", source)
                stream = with_line_ends(stream)
                chosen = reader or choose_reader(name, stream.peek(), tables=tables)
            if reader is None and suffix(name) not in chosen.suffixes:
                ledger.note(f"read as {chosen.name} (by its first bytes)", source)
            yield how.applied(chosen if unit == "auto" else chosen.with_unit(unit)), Source(source, stream)
        except DiskError:  # of a copy
            raise
        except OSError as error:
            raise HeadstartError(f"{source}: cannot be read on ({error.strerror or error})") from None
