"""The manifest of an artefact: manifest.json lists every file with its bytes and SHA-256; opening compares them all.

An artefact inside another (the network of a task model, the store of a run) is listed by its own manifest.json alone,
which lists the rest: every byte is hashed once.

Artefacts that are made at once (network, task model, export, processor, store, checkpoint) are written whole, see
`write_folder`. A run and a report grow while a kill may come at any moment: their manifest says `growing` from the
first change to the end of the command, and meanwhile the files that are being written certify themselves (a checkpoint
by its manifest, a cell by its line) or, where lines are appended, agree up to the listed length. A file that is
replaced is announced first: its entry names the content before and the `next` content, and either is right.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, NotRequired, TypedDict

from headstart.core import migration
from headstart.core.claims import release
from headstart.core.errors import HeadstartError
from headstart.core.files import (
    WRITER,
    is_leftover,
    is_passing,
    make_folder,
    may_write,
    remove_leftovers,
    replace_folder,
    sha256,
    sync_file,
    sync_folder,
    temporary_beside,
    write_bytes,
    writing,
)
from headstart.core.json_files import read_json, write_json
from headstart.core.kinds import Count, quoted
from headstart.core.layouts import LAYOUTS, UNKNOWN, WHOLE, Kind, Layout

MANIFEST = "manifest.json"
WINNER = "winner"  # of a report: the task model that a comparison leaves, with a manifest of its own
CHANGED, MISSING = "was changed, its SHA-256 is not the listed one", "is missing"
FOREIGN = "is not listed in its manifest; move that file elsewhere"
BEHIND = "was left behind by a writer that was killed; remove it"
HARMLESS = "left by a writer that was killed; nothing reads it"
LINKED = "is a link to a folder, whose content no manifest lists; put the folder itself there"
Unread = Callable[[str], bool]

# What systems and version control put into any folder; nothing of headstart reads it.
_OF_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".gitattributes", ".gitignore", ".cache"})
# Two changes of a file within this time may leave the same time stamps (the coarsest file systems step by 2 s).
_SETTLED = 2_000_000_000  # nanoseconds
_AT_ONCE = 1 << 20  # bytes that are read
_MOST_HASHED = 1 << 16  # files that are remembered, the newest ones
_hashed: dict[tuple[int, ...], str] = {}


class Content(TypedDict):
    """What a file holds."""

    sha256: str
    bytes: Count


class Entry(TypedDict):
    """What a listed file holds; next: what it holds after the replacement that is under way.

    Without sha256 and bytes the file is not there before that replacement.
    """

    sha256: NotRequired[str]
    bytes: NotRequired[Count]
    next: NotRequired[Content]


class ManifestFile(TypedDict):
    """manifest.json. kind: what the artefact is; files: by path relative to the artefact, with forward slashes."""

    format: int
    kind: Kind | Literal[""]
    growing: bool
    files: dict[str, Entry]


class Fault(NamedTuple):
    """One file that is not as listed; name: its path relative to the artefact; what: CHANGED, MISSING, FOREIGN ..."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


def read_manifest(folder: Path) -> ManifestFile:
    """Return the manifest of an artefact. Raises HeadstartError: missing or damaged."""
    path = folder / MANIFEST
    found = migration.read_versioned(path, migration.manifest, ManifestFile)
    if strange := [name for name in found["files"] if not _is_inside(name)]:
        raise HeadstartError(f"{path}: damaged, it lists {quoted(strange[0])}, which lies outside")
    if None in [part for entry in found["files"].values() for part in _contents(entry)]:
        raise HeadstartError(f"{path}: damaged, it is no list of files")
    if not found["files"] and not found["growing"]:
        raise HeadstartError(f"{path}: damaged, it lists no file")
    return found


def _is_inside(name: str) -> bool:
    """Whether a listed name is that of a file below the artefact."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and not set(name) & {"\0", "\\"}


def _contents(entry: object) -> list[Content | None]:
    """Return the contents that an entry allows; None stands for something that is no entry."""
    if not isinstance(entry, dict) or not entry:
        return [None]
    allowed = [entry] if "sha256" in entry or "bytes" in entry else []
    allowed += [entry["next"]] if "next" in entry else []
    sound = [isinstance(one, dict) and type(one.get("bytes")) is int and one.get("sha256") for one in allowed]
    return [one if ok else None for one, ok in zip(allowed, sound)] or [None]


def is_listed(folder: Path) -> bool:
    """Whether a folder that others may have written holds a manifest of headstart, sound or not.

    Another library's manifest.json is none: it has neither files nor a kind, and its values are no entries.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return False
    try:
        data = read_json(path)
    except HeadstartError:
        return True
    if not isinstance(data, dict):
        return False
    return bool({"kind", "files"} & data.keys()) or any(None not in _contents(entry) for entry in data.values())


def need_intact(folder: Path, kind: Kind | None = None, unread: Unread | None = None) -> None:
    """Raise HeadstartError, one line, when a file of the artefact was changed, is missing or is not listed.

    kind: what the artefact must be; None = anything. unread: see `faults`.
    """
    if found := faults(folder, kind, unread):
        raise damage(folder, kind, found)


def damage(folder: Path, kind: Kind | None, found: list[Fault]) -> HeadstartError:
    """Return the error for an artefact with these faults."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    layout = LAYOUTS[kind] if kind else UNKNOWN
    return HeadstartError(f"{folder}: damaged {layout.called}, {found[0]}{more}; {layout.mend}")


def faults(folder: Path, kind: Kind | None, unread: Unread | None = None) -> list[Fault]:
    """Return every file of the artefact that is not as its manifest lists it; kind None: of any kind.

    unread: of which listed files, by name, nobody is about to use the content; these need only have the listed size.
    """
    if not (folder / MANIFEST).is_file():
        return [Fault(MANIFEST, MISSING)]
    try:
        found = read_manifest(folder)
        kind = kind or found["kind"] or None
        if found["kind"] not in ("", kind):
            return [Fault(MANIFEST, f"is the manifest of a {found['kind']}")]
        layout = LAYOUTS[kind] if kind else UNKNOWN
        seen = list(dict.fromkeys(_faults(folder, found, layout, unread or (lambda name: False))))
        # A writer that is at work may have replaced the manifest meanwhile: then the comparison is out of date.
        return faults(folder, kind, unread) if seen and read_manifest(folder) != found else seen
    except (HeadstartError, OSError) as error:
        return [Fault(MANIFEST, f"cannot be used ({error})")]


def _faults(folder: Path, found: ManifestFile, layout: Layout, unread: Unread) -> Iterator[Fault]:
    files = found["files"]
    for name, entry in files.items():
        grows = found["growing"] and re.fullmatch(layout.grows, name)
        if grows and name not in layout.appended:
            continue
        whole = not unread(name)
        if (what := _compare(folder / name, entry, prefix=bool(grows), whole=whole)) is not None:
            yield Fault(name, what)
        elif name.endswith(f"/{MANIFEST}"):
            home = name.removesuffix(MANIFEST)
            own = faults(folder / home, None, partial(_below, unread, home))
            yield from (Fault(home + inner.name, inner.what) for inner in own)
    yield from _strangers(folder, layout, found["kind"] in WHOLE)
    allowed = f"{layout.beside}|{layout.grows}" if found["growing"] else layout.beside
    for name in _names(folder, {name for name in files if name.endswith(f"/{MANIFEST}")}):
        if name not in files and not re.fullmatch(allowed, name):
            yield Fault(name, FOREIGN)


def _below(unread: Unread, home: str, name: str) -> bool:
    return unread(home + name)


def _strangers(folder: Path, layout: Layout, whole: bool) -> Iterator[Fault]:
    """Yield what no manifest can list: links to folders; and, of what is made whole, what writers left behind.

    Folders inside that are artefacts of their own are passed over.
    """
    for home, folders, names in os.walk(folder):
        inside = Path(home).relative_to(folder)
        if inside != Path() and MANIFEST in names:
            folders.clear()
            continue
        for name in list(folders):
            own = (inside / name).as_posix()
            if re.fullmatch(layout.beside, f"{own}/x") or name in _OF_SYSTEMS:
                folders.remove(name)
            elif (Path(home) / name).is_symlink():
                yield Fault(own, LINKED)
        yield from (
            Fault((inside / name).as_posix(), BEHIND) for name in (*names, *folders) if whole and is_leftover(name)
        )


def _compare(path: Path, entry: Entry, prefix: bool, whole: bool = True) -> str | None:
    """Return what is wrong with a listed file, or None; prefix: the file may be longer than listed.

    whole: its content counts; otherwise its size alone.
    """
    contents = _contents(entry)
    if not path.is_file():
        return None if "sha256" not in entry else MISSING
    size = path.stat().st_size
    for content in contents:
        if size == content["bytes"] and (not whole or hash_of(path) == content["sha256"]):
            return None
        if prefix and _sha256_of_first(path, content["bytes"]) == content["sha256"]:
            return None
    return CHANGED


def _sha256_of_first(path: Path, count: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while count and (block := stream.read(min(count, _AT_ONCE))):
            digest.update(block)
            count -= len(block)
    return digest.hexdigest()


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file; of a file that this process hashed before and that nobody touched, without reading.

    The time stamps tell: a file that was changed within two seconds before it was hashed is read again.
    """
    stat, begun = path.stat(), time.time_ns()
    key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if (known := _hashed.get(key)) is not None:
        return known
    digest = sha256(path)
    if begun - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED:
        _hashed[key] = digest
        while len(_hashed) > _MOST_HASHED:
            _hashed.pop(next(iter(_hashed)), None)
    return digest


def _names(folder: Path, nested: set[str] | None = None) -> list[str]:
    """Return the files of an artefact as its manifest names them, its manifest left out.

    nested: the manifests of artefacts inside it; None = wherever a folder inside has a manifest. Of these artefacts the
    manifest alone is named.
    """
    found = []
    for home, folders, names in os.walk(folder):
        inside = Path(home).relative_to(folder)
        own = (inside / MANIFEST).as_posix()
        if inside != Path() and (MANIFEST in names if nested is None else own in nested):
            found.append(own)
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not _passed_over(name))
        found += [(inside / name).as_posix() for name in sorted(names) if not _passed_over(name)]
    return [name for name in found if name != MANIFEST]


def _passed_over(name: str) -> bool:
    return name in _OF_SYSTEMS or is_passing(name)


def _content_of(data: bytes) -> Content:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def seal(folder: Path, kind: Kind, *, growing: bool = False, changed: Mapping[str, bytes] | None = None) -> None:
    """Write the `changed` files (bytes by name) and the manifest of all files, so that a kill never parts the two.

    growing: more is going to be written, see the head of this file. What is listed already keeps its entry: damage that
    came meanwhile stays visible. Leftovers of killed writers are removed. Raises DiskError.
    """
    changed, layout = changed or {}, LAYOUTS[kind]
    names = [name for name in _names(folder) if re.fullmatch(layout.holds, name)]
    for home in {folder / home for name in [MANIFEST, *names] for home in Path(name).parents}:
        remove_leftovers(home)
    try:
        before = read_manifest(folder)
    except HeadstartError:
        before = None
    listed = before["files"] if before and before["kind"] == kind else {}
    files: dict[str, Entry] = {}
    for name in dict.fromkeys([*names, *listed]):
        grows = re.fullmatch(layout.grows, name)
        if re.fullmatch(layout.beside, name) or (grows and growing and name not in layout.appended):
            continue
        if name in listed and not grows and not name.endswith(f"/{MANIFEST}") and "next" not in listed[name]:
            files[name] = listed[name]
        elif (folder / name).is_file():
            files[name] = {"sha256": hash_of(folder / name), "bytes": (folder / name).stat().st_size}
        elif "sha256" in listed.get(name, {}) and not grows:
            files[name] = listed[name]
    if changed:
        coming = {name: files.get(name, {}) | {"next": _content_of(data)} for name, data in changed.items()}
        during = growing or bool(before and before["growing"])
        _write(folder, kind, during, files | coming)
        for name, data in changed.items():
            write_bytes(folder / name, data)
    _write(folder, kind, growing, files | {name: _content_of(data) for name, data in changed.items()})


def _write(folder: Path, kind: Kind, growing: bool, files: dict[str, Entry]) -> None:
    ordered = {name: files[name] for name in sorted(files)}
    write_json(folder / MANIFEST, {"format": migration.FORMAT, "kind": kind, "growing": growing, "files": ordered})


def write_folder(folder: Path, kind: Kind, fill: Callable[[Path], None]) -> None:
    """Create the artefact `folder` whole or not at all: `fill(temporary)` writes the files, the manifest is added.

    An existing `folder` of that name is replaced in one step. Raises DiskError (disk full, no permission); nothing
    half-written stays.
    """
    make_folder(folder.parent)
    remove_leftovers(folder.parent, folder.name)
    temporary = temporary_beside(folder)
    with writing(folder):
        try:
            temporary.mkdir()
            fill(temporary)
            seal(temporary, kind)
            for name in _names(temporary):
                with open(temporary / name, "rb+") as stream, writing(temporary / name):
                    sync_file(stream)
            for home, _, _ in os.walk(temporary):
                sync_folder(Path(home))
            may_write(folder)
            release(folder / WRITER)  # the claim would be left with what is replaced
            replace_folder(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
