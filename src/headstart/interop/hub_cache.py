"""Models of the Hugging Face cache by their hub id; nothing is fetched."""

from __future__ import annotations

import re
from pathlib import Path

from headstart.core.errors import HeadstartError, nearest
from headstart.core.files import as_called, nearest_beside

_ID = re.compile(r"(?P<name>(?:[\w-][\w.-]*/)?[\w-][\w.-]*)(?:@(?P<revision>[\w./-]+))?")
_SHORT = "sentence-transformers"  # whose models go by their short names


def located(name: Path | str) -> Path:
    """Return where the base `name` is: a file or folder, else the snapshot of a hub id in the Hugging Face cache.

    name: a path, `org/model` or `org/model@revision`; a model of sentence-transformers goes by its short name too.
    HF_HUB_CACHE or HF_HOME say where the cache is, as for huggingface_hub. Raises HeadstartError: neither is there.
    """
    path = Path(as_called(str(name)))
    if path.exists():
        return path
    if (asked := _ID.fullmatch(str(name))) is not None:
        model, revision = asked["name"], asked["revision"]
        short = [] if "/" in model else [f"{_SHORT}/{model}"]
        found = (_snapshot(one, revision) for one in [model, *short])
        if (snapshot := next(filter(None, found), None)) is not None:
            return snapshot
    near = nearest_beside(path) or nearest(str(name), cached_ids())
    raise HeadstartError(
        f"{path}: no such directory, and no such id in the Hugging Face cache{near}; give a run directory of "
        "`headstart pretrain`, a file of weights, a Hugging Face directory or the id of a downloaded model (nothing is "
        "fetched: `hf download ID` does it)"
    )


def cached_ids() -> list[str]:
    """Return the ids of the models in the Hugging Face cache."""
    return sorted(id_of(folder) for folder in _cache().glob("models--*"))


def id_of(folder: Path) -> str:
    """Return the hub id that a folder of the cache, or one of its snapshots, belongs to; "" for any other folder."""
    place = folder.parent.parent if folder.parent.name == "snapshots" else folder
    return place.name.removeprefix("models--").replace("--", "/") if place.name.startswith("models--") else ""


def _snapshot(model: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):  # not there, or no id: two dots, say
        return None


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)
