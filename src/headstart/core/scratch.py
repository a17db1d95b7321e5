"""Files that only this process needs, in the system's folder for temporary files; what killed ones left is removed."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from headstart.core.files import writing
from headstart.core.holder import Holder, mark_is_gone

_NAME = re.compile(r"headstart-[a-z]+-(\d+-[0-9a-f]{8}-\w*)-[0-9a-f]{12}")


@contextlib.contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """Return a new folder that is there while the block runs; kind: a word for its name. Raises DiskError."""
    folder = _made(kind)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lasting_scratch_folder(kind: str) -> Path:
    """Return a new folder that goes when the program ends; kind: a word for its name. Raises DiskError."""
    folder = _made(kind)
    atexit.register(_remove_own, folder, os.getpid())
    return folder


def _remove_own(folder: Path, process: int) -> None:
    if process == os.getpid():  # not by a child, which ends sooner
        shutil.rmtree(folder, ignore_errors=True)


def _made(kind: str) -> Path:
    home = Path(tempfile.gettempdir())
    _swept(home)
    folder = home / f"headstart-{kind}-{Holder.here().mark}-{uuid.uuid4().hex[:12]}"
    with writing(folder):
        folder.mkdir(mode=0o700)
    return folder


@cache
def _swept(home: Path) -> None:
    """Remove what ended processes of this host left, once in the life of a process; of others nothing is known."""
    with contextlib.suppress(OSError):
        for path in home.glob("headstart-*"):
            if (found := _NAME.fullmatch(path.name)) and mark_is_gone(found[1]):
                shutil.rmtree(path, ignore_errors=True)  # another user's stays
