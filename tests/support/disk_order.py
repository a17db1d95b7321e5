"""The order of a save, read from its changes of the disk: write, fsync(file), rename, fsync(folder); what is out of it.

What is published is what gets a name that is no temporary one. Files of which nothing depends (`PASSING`) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from disk_lab import Change

from headstart.core.files import WRITER, is_leftover

# Claims are held by a process, and appended lines are told by a manifest only when it is written.
PASSING = (WRITER,)
_OTHERS = ".tmp"  # begin of temporary names of the library of tensors, which renames by a call that is not seen


def out_of_order(changes: Iterable[Change]) -> list[str]:
    """Return, a line each, what was published before it was durable, or never made durable itself."""
    return list(_Order().read(changes))


class _Order:
    """unsynced: files with bytes that are not durable; entries: folders with names that are not; both by path.

    due: published names whose folder has not been synced yet.
    """

    def __init__(self) -> None:
        self.unsynced: set[str] = set()
        self.synced: set[str] = set()
        self.entries: set[str] = set()
        self.due: dict[str, str] = {}

    def read(self, changes: Iterable[Change]) -> Iterator[str]:
        for change in changes:
            yield from self._one(change)
        yield from (f"{name}: published, and its folder was never synced" for name in self.due)

    def _one(self, change: Change) -> Iterator[str]:
        path, home = change.path, str(Path(change.path).parent)
        if change.kind in ("open", "write"):
            if change.kind == "write" or path not in self.synced:
                self.unsynced.add(path)
                self.synced.discard(path)
            self.entries.add(home)
        elif change.kind == "fsync":
            self.unsynced.discard(path)
            self.synced.add(path)
            self.entries.discard(path)
            for name in [name for name, folder in self.due.items() if folder == path]:
                del self.due[name]
        elif change.kind == "mkdir":
            self.entries.add(home)
        elif change.kind == "remove":
            yield from self._destroyed(path)
        elif change.kind in ("rename", "exchange", "link"):
            yield from self._renamed(change)

    def _destroyed(self, path: str) -> Iterator[str]:
        """What is removed may be what the published name stands for until its folder is synced."""
        self.unsynced.discard(path)
        if self.due and not _is_own(path):
            yield f"{path}: removed before {next(iter(self.due))} was durable"

    def _renamed(self, change: Change) -> Iterator[str]:
        source, target = change.other, change.path
        if Path(target).name in PASSING:
            return
        if not _is_temporary(target):
            for path in sorted(self.unsynced):
                if _in(path, source) and not Path(path).name.startswith(_OTHERS):
                    yield f"{target}: published before {Path(path).name} was synced"
            for folder in sorted(self.entries):
                if _in(folder, source):
                    yield f"{target}: published before the names in {Path(folder).name} were synced"
            self.due[target] = str(Path(target).parent)
        for paths in (self.unsynced, self.synced, self.entries):
            moved = {path for path in paths if _in(path, source)}
            paths -= moved
            paths |= {target + path.removeprefix(source) for path in moved}


def _in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _is_temporary(path: str) -> bool:
    """Whether a name is a temporary one itself; below a temporary folder names are published within it."""
    return is_leftover(Path(path).name)


def _is_own(path: str) -> bool:
    """Whether a removed file is a temporary one of no content: a claim, or what was written beside."""
    return Path(path).name in PASSING or is_leftover(Path(path).name)
