"""Open what a user names: files, folders, '-'; decompress, recognise encoding and format, hand rows out."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from headstart.base import registry
from headstart.base.errors import HeadstartError
from headstart.base.files import nearest_beside
from headstart.base.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Row, refuse
from headstart.data.streams import check_encoding, decompressed

STDIN = "-"
COMPRESSED = (".gz", ".xz", ".bz2")
_HEAD_BYTES = 1 << 16


def as_paths(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """Return one or several names as a list of text."""
    return [str(paths)] if isinstance(paths, str | Path) else [str(path) for path in paths]


def expand(paths: str | Path | Sequence[str | Path], ledger: Ledger | None = None) -> list[str]:
    """Return the files that `paths` name, folders searched through in sorted order, '-' kept.

    In folders only files that a reader knows by suffix count; hidden ones never do. Raises HeadstartError: a missing
    file (with the nearest name beside it), a folder without readable files, nothing named.
    """
    found: list[str] = []
    for name in as_paths(paths):
        path = Path(name)
        if name == STDIN or path.is_file() or (path.exists() and not path.is_dir()):
            found.append(name)
        elif path.is_dir():
            found.extend(_inside(path, ledger))
        else:
            raise _missing(path)
    if not found:
        raise HeadstartError("no file given; name files, folders or - for standard input")
    return list(dict.fromkeys(found))


def _inside(folder: Path, ledger: Ledger | None) -> list[str]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not _hidden(p.relative_to(folder))]
    known = [str(p) for p in files if suffix(str(p)) in _suffixes()]
    if not known:
        held = f"it holds {', '.join(p.name for p in files[:3])}" if files else "it is empty"
        raise HeadstartError(f"{folder}: no file to read in this folder; {held} (known: {', '.join(_suffixes())})")
    if ledger is not None and (passed := [p.name for p in files if str(p) not in known]):
        some = ", ".join(passed[:3]) + (" ..." if len(passed) > 3 else "")
        ledger.note(f"passed over {len(passed)} of unknown format ({some})", str(folder))
    return known


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


@cache
def _spooled(name: str) -> Path:
    """Copy standard input or a pipe to a temporary file once, so that it can be read more than once."""
    handle, copy = tempfile.mkstemp(prefix="headstart-spool-")
    atexit.register(lambda: Path(copy).unlink(missing_ok=True))
    with os.fdopen(handle, "wb") as spool:
        if name == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, spool)
        else:
            with open(name, "rb") as pipe:
                shutil.copyfileobj(pipe, spool)
    return Path(copy)


def on_disk(name: str) -> Path:
    """Return the regular file behind a name; for '-' and pipes a spooled copy."""
    return Path(name) if name != STDIN and Path(name).is_file() else _spooled(name)


def shown(name: str) -> str:
    """Return what messages call a file."""
    return "standard input" if name == STDIN else name


@contextmanager
def opened(name: str, ledger: Ledger) -> Iterator[tuple[BinaryIO, bytes]]:
    """Open a file for reading: (stream of decompressed bytes after any byte-order mark, its first 64 KiB).

    Raises HeadstartError: no permission, empty, not decompressible at all.
    """
    source = shown(name)
    try:
        raw = open(on_disk(name), "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise HeadstartError(f"{source}: cannot be opened ({error.strerror})") from None
    with raw, decompressed(raw, source, ledger) as stream:
        try:
            head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
        except OSError as error:
            raise HeadstartError(f"{source}: cannot be read ({error.strerror or error})") from None
        if not head and (damage := getattr(stream, "damage", "")):
            raise refuse(source, f"nothing could be decompressed ({damage})", "get the file again")
        if not head:
            raise HeadstartError(f"{source}: the file is empty")
        yield stream, head


def choose_reader(name: str, head: bytes) -> ReaderSpec:
    """Return the reader by suffix, else by what the first bytes look like, else plain text.

    Readers without a suffix of their own (SQuAD is a kind of .json) look at the bytes before the suffix decides.
    """
    kinds = sorted((registry.load("reader", choice) for choice in registry.names("reader")), key=_has_suffixes)
    known = _suffixes().get(suffix(name))
    for kind in kinds:
        if _has_suffixes(kind) and known:
            break
        if hasattr(kind, "recognises") and kind.recognises(head):
            return kind()
    return registry.load("reader", known or "txt")()


def _has_suffixes(kind: type[ReaderSpec]) -> bool:
    return bool(kind.suffixes)


def read_rows(name: str, ledger: Ledger, *, unit: str = "auto", reader: ReaderSpec | None = None) -> Iterator[Row]:
    """Yield the rows of one file; the ledger counts each as read, the caller answers with `use` or `skip`.

    unit: what a document of plain text is. reader: instead of the one chosen by suffix. Raises HeadstartError naming
    the file: missing, empty, binary, not UTF-8 (with the encoding and the command that mends it), nothing readable.
    """
    source = shown(name)
    with opened(name, ledger) as (stream, head):
        chosen = reader or choose_reader(name, head)
        if reader is None and suffix(name) not in chosen.suffixes:
            ledger.note(f"read as {chosen.name} (by its first bytes)", source)
        if unit != "auto" and hasattr(chosen, "unit"):
            chosen = chosen.replace_text("unit", unit)
        if not getattr(chosen, "binary", False):
            if head.startswith(b"\xef\xbb\xbf"):
                stream.read(3)
            check_encoding(head, source)
        try:
            yield from chosen.read(stream, source, ledger)
        except OSError as error:
            raise HeadstartError(f"{source}: cannot be read on ({error.strerror or error})") from None
