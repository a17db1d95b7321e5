"""What a write makes durable and in which order, seen in this process; folders and names of leftovers to try it on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.core import files
from headstart.core.files import is_leftover


class Disk:
    """What was synced, named and made, with the bytes that each file had when it was synced."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, Path]] = []
        self.synced: dict[Path, int] = {}
        real = {name: getattr(os, name) for name in ("fsync", "mkdir", "replace", "rename")}
        exchange = files._exchange

        def fsync(handle: int) -> None:
            real["fsync"](handle)
            path = Path(os.readlink(f"/proc/self/fd/{handle}"))
            self.synced[path] = os.fstat(handle).st_size
            self.done.append(("sync", path))

        def mkdir(path, *given, **more) -> None:
            real["mkdir"](path, *given, **more)
            self.done.append(("made", Path(path)))

        def renaming(name: str) -> Callable:
            def rename(one, two) -> None:
                self._named(Path(one), Path(two))
                real[name](one, two)

            return rename

        def exchanging(one: Path, two: Path) -> bool:
            self._named(one, two)
            return exchange(one, two)

        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "mkdir", mkdir)
        for name in ("replace", "rename"):
            patch.setattr(os, name, renaming(name))
        patch.setattr(files, "_exchange", exchanging)

    def _named(self, source: Path, target: Path) -> None:
        """Note a new name, and which of its bytes and names were not durable by then."""
        every = [source, *source.rglob("*")] if source.is_dir() else [source]
        late = [one for one in every if self.synced.get(one, -1) < (one.stat().st_size if one.is_file() else 0)]
        for one in every:
            self.synced[target / one.relative_to(source)] = self.synced.pop(one, -1)
        if not is_leftover(target.name) and not any(is_leftover(part) for part in target.parent.parts):
            self.done.append(("late" if late else "named", target))

    def faults(self) -> list[str]:
        """Return, a line each, what had its name before it was durable, and names that are not durable."""
        found = [f"{path} was not durable before it had its name" for kind, path in self.done if kind == "late"]
        for place, (kind, path) in enumerate(self.done):
            after = [other for what, other in self.done[place:] if what == "sync"]
            if kind in ("named", "made") and not is_leftover(path.name) and path.parent not in after:
                found.append(f"the name {path} is not durable")
        return found


def filled(folder: Path, text: str = "1") -> Path:
    folder.mkdir()
    (folder / "file").write_text(text)
    return folder


def refused(code: int, path: Path | bytes | None) -> OSError:
    given = [] if path is None else [path if isinstance(path, bytes) else str(path)]
    return OSError(code, os.strerror(code), *given)


def left(path: Path, mark: str, ending: str = "tmp") -> Path:
    return path.with_name(f".{path.name}.{mark}-0a1b2c.{ending}")
