"""A cache on disk between commands: expensive results, by the identity of what they were made from.

A file is named by the SHA-256 of its content: a damaged one is found when it is read, thrown away and said. Files are
written whole (`core/files.py`), so that processes that run at once never see half of one; the same result written twice
is the same file. The least recently used goes first. Nothing here decides an answer: without the cache everything is
computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from headstart.core.files import is_leftover, remove_leftovers, write_bytes

if TYPE_CHECKING:  # the program reads its switch from here before anything heavy is loaded
    import numpy as np

VARIABLE = "HEADSTART_CACHE"
_OFF = ("", "0", "off", "no", "none")
_MOST_BYTES = 2 << 30
_GIVEN = "given"  # the folder of what `keep` keeps
_unused: ContextVar[bool] = ContextVar("unused", default=False)


@contextlib.contextmanager
def without_cache() -> Iterator[None]:
    """Let `DiskCache.of_user` return None while the block runs."""
    before = _unused.set(True)
    try:
        yield
    finally:
        _unused.reset(before)


@dataclass
class DiskCache:
    """folder: of the cache; limit: bytes of all files together; tell: is called with a line about a damaged file.

    beside: another cache, which is read and added to as well. crowded: other processes add to it while this one works,
    so that it is worth looking again.
    """

    folder: Path
    limit: int = _MOST_BYTES
    tell: Callable[[str], None] = lambda line: None
    beside: DiskCache | None = None
    crowded: bool = False

    @classmethod
    def of_user(cls, tell: Callable[[str], None] = lambda line: None) -> Self | None:
        """Return the user's cache, or None where it is switched off.

        The folder is $HEADSTART_CACHE (`off`: no cache), else headstart below $XDG_CACHE_HOME or ~/.cache.
        """
        named = os.environ.get(VARIABLE)
        if _unused.get() or (named is not None and named.strip().lower() in _OFF):
            return None
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(named or Path(home) / "headstart").expanduser(), tell=tell)

    def read(
        self, key: Sequence[Any], known: set[str] | None = None
    ) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
        """Return (JSON values, arrays) of everything that was added under a key; its files count as used now.

        known: names of files that are passed over; what is read is added to them.
        """
        found = self.beside.read(key, known) if self.beside else []
        for path in self._files(self._home(key)):
            if known is not None and path.name in known:
                continue
            with contextlib.suppress(OSError):  # another process threw it away meanwhile
                content = path.read_bytes()
                if (kept := _unpacked(content)) is None or hashlib.sha256(content).hexdigest() != path.stem:
                    self.tell(f"cache: {path.name[:12]} is damaged; it is thrown away and computed again")
                    path.unlink(missing_ok=True)
                    continue
                os.utime(path)
                found.append(kept)
                if known is not None:
                    known.add(path.name)
        return found

    def add(self, key: Sequence[Any], data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a result under a key beside those that are there; a disk that refuses is no fault."""
        if self.beside:
            self.beside.add(key, data, arrays)
        import numpy as np
        from safetensors.numpy import save

        told = json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")
        content = told + b"\n" + save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        home = self._home(key)
        with contextlib.suppress(OSError):
            if len(content) > self.limit:
                return
            write_bytes(home / f"{hashlib.sha256(content).hexdigest()}.cache", content)
            remove_leftovers(home)
            self._trim()

    def keep(self, name: str, content: bytes) -> Path:
        """Keep a file that others read by its path, and return the path; the same content is the same file.

        Raises OSError: the disk refuses.
        """
        path = self.folder / _GIVEN / hashlib.sha256(content).hexdigest()[:32] / name
        if path.exists():
            os.utime(path)
            return path
        write_bytes(path, content)
        self._trim(path)
        return path

    def _home(self, key: Sequence[Any]) -> Path:
        return self.folder / hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()[:32]

    def _files(self, home: Path) -> list[Path]:
        if not home.is_dir():
            return []
        return sorted(path for path in home.glob("*.cache") if not is_leftover(path.name))

    def _trim(self, kept: Path | None = None) -> None:
        """Throw the least recently used files away until the rest is within the limit; kept: not this one."""
        found = []
        for path in (*self.folder.glob("*/*.cache"), *self.folder.glob(f"{_GIVEN}/*/*")):
            with contextlib.suppress(OSError):
                about = path.stat()
                found.append((about.st_mtime_ns, about.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self.limit:
                return
            if path == kept:
                continue
            path.unlink(missing_ok=True)
            total -= size


def _unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Return the JSON values and arrays of a file, or None where it is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    told, _, arrays = content.partition(b"\n")
    try:
        return json.loads(told.decode("utf-8", "surrogatepass")), load(arrays)
    except (ValueError, SafetensorError):
        return None
