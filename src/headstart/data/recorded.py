"""A corpus as an artefact names it, which may come from anywhere: opened again only where it is what it was then."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError, unknown
from headstart.core.files import as_called
from headstart.core.spec_base import checked
from headstart.data.corpus import Corpus
from headstart.data.open import STDIN, expand, files_of

_ARGUMENTS = {
    "paths": list,
    "column": str | None,
    "unit": str,
    "normal_form": str,
    "limit": int | None,
    "filters": list,
    "how": dict | None,
}
_PARTS = 3  # of each file,
_PART_BYTES = 1 << 12  # of so many bytes: its content for `contents_of`
_SETTLED = 2_000_000_000  # nanoseconds: two changes within this time may leave the same time stamps
_MOST_KNOWN = 1 << 12
_known: dict[str, str] = {}  # what was found out about files that nobody touched since


def recorded_corpus(data: Any, fingerprint: str = "") -> Corpus:
    """Return the corpus of these arguments, read as it was then, whatever is asked of other files now.

    fingerprint: `Corpus.fingerprint` of then, empty where it was not kept. Raises HeadstartError: see `need_arguments`
    and `need_regular`, files that are gone or are not as they were.
    """
    need_arguments("", data)
    try:
        corpus = Corpus(**data | {"how": data.get("how") or {}})
    except TypeError as error:
        raise HeadstartError(f"the settings of the corpus are damaged ({error})") from None
    need_regular(corpus.files)
    if fingerprint and fingerprint != _once(["corpus", data, corpus.files], corpus.files, corpus.fingerprint):
        raise changed(corpus.files)
    return corpus


def need_arguments(file: str | Path, data: Any) -> None:
    """Raise HeadstartError when `data` is not what `Corpus` takes, as JSON holds it; file: where it stands, or none."""
    where = f"{file}: corpus" if file else "corpus"
    if not isinstance(data, dict) or "paths" not in data:
        raise HeadstartError(f"{where}: damaged, it names no files")
    for name, value in data.items():
        if name not in _ARGUMENTS:
            raise HeadstartError(f"{where}: {unknown('setting of a corpus', str(name), _ARGUMENTS)}")
        checked(f"{where}.{name}", value, _ARGUMENTS[name])
    need_names(f"{where}.paths", data["paths"])
    if wrong := [
        one for one in data.get("filters", []) if not isinstance(one, dict) or type(one.get("name")) is not str
    ]:
        raise HeadstartError(f"{where}.filters={wrong[0]!r}: it names no filter")


def need_names(where: str, paths: Any) -> None:
    """Raise HeadstartError, which begins with `where`, unless `paths` are one or several names of files."""
    sound = isinstance(paths, list) and paths and all(isinstance(one, str) and one and "\0" not in one for one in paths)
    if not sound:
        raise HeadstartError(f"{where}={paths!r}: expected a list of files")


def need_regular(names: Iterable[str]) -> None:
    """Raise HeadstartError unless all are regular files, folders or files in archives, or are gone: `expand` says so.

    Nothing is opened: a device never ends, a pipe waits for its other end, standard input is that of another command.
    """
    for name in names:
        if name == STDIN:
            raise HeadstartError("it came from standard input, which cannot be read again")
        path = Path(as_called(name))
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise HeadstartError(f"{name}: no regular file")
        if path.is_file() and not path.stat().st_size:  # as what the system makes up while it is read, too
            raise HeadstartError(f"{name}: the file is empty")


def need_still_there(data: dict[str, Any], what: str, remedy: str) -> None:
    """Raise HeadstartError unless the files of these arguments are regular and there; they may have changed.

    what: begins the message, remedy: ends it.
    """
    try:
        recorded_corpus(data)
    except HeadstartError as error:
        raise HeadstartError(f"{what} is not where it was ({error}); {remedy}") from None


def contents_of(paths: Sequence[str]) -> str:
    """Return a SHA-256 over the size and three short parts of each file of `paths`; empty with standard input.

    Names and times are left out. Raises HeadstartError: a file is missing.
    """
    if STDIN in paths:
        return ""
    files = expand(paths)
    return _once(["contents", files], files, lambda: _digest(files))


def need_contents(paths: Sequence[str], contents: str) -> None:
    """Raise HeadstartError unless `paths` hold what `contents_of` said then; empty: it was not kept."""
    need_regular(paths)
    if contents and contents_of(paths) != contents:
        raise changed(expand(paths))


def changed(files: Sequence[str]) -> HeadstartError:
    """Return the error for files that are not what they were; the one that changed last is named."""
    stamped = [(path.stat().st_mtime_ns, name, path) for name in files for path in files_of(name)]
    _, name, path = max(stamped)
    last = path if Path(name).is_dir() else name  # of an archive not the copy of what is in it
    if len(stamped) == 1:
        return HeadstartError(f"{last}: its content is not that of then")
    count = len(stamped)
    return HeadstartError(f"{last}: the last that changed of {count:,} files, whose content is not that of then")


def _digest(files: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in (path for name in files for path in files_of(name)):
        size = path.stat().st_size
        digest.update(f"{size} ".encode())
        with open(path, "rb") as stream:
            for part in range(_PARTS):
                stream.seek(max(0, size - _PART_BYTES) * part // (_PARTS - 1))
                digest.update(stream.read(_PART_BYTES))
    return digest.hexdigest()


def _once(what: Any, files: Sequence[str], make: Callable[[], str]) -> str:
    """Return `make()`; what was made of files that nobody touched since, without reading them again."""
    found = [path.stat() for name in files for path in files_of(name)]
    stamps = [stamp for about in found for stamp in (about.st_mtime_ns, about.st_ctime_ns)]
    state = [what, [(about.st_dev, about.st_ino, about.st_size) for about in found], stamps]
    key = hashlib.sha256(json.dumps(state).encode()).hexdigest()
    if (known := _known.get(key)) is not None:
        return known
    made = make()
    if all(time.time_ns() - stamp > _SETTLED for stamp in stamps):
        _known[key] = made
        while len(_known) > _MOST_KNOWN:
            _known.pop(next(iter(_known)), None)
    return made
