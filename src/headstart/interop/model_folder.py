"""Where in a folder of another library the model is: a trainer's checkpoints, a hub's snapshots, sub-folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from headstart.core.errors import HeadstartError

_LICENCE = re.compile(r"^license:\s*['\"]?([\w.+-]+)", re.MULTILINE)
CONFIG, _ADAPTER = "config.json", "adapter_config.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_WRAPPERS = ("_orig_mod.", "module.")  # of torch.compile, of DataParallel and DistributedDataParallel
T = TypeVar("T")


def model_folder(path: Path) -> Path | None:
    """Return the folder with the config.json of the model that `path` stands for, or None.

    It is `path` itself; the snapshot that refs/main of a hub's cache names, else the latest; the trainer's checkpoint
    of most steps; the only sub-folder with a model. Raises HeadstartError: an adapter, which is no model alone;
    several models.
    """
    if (path / CONFIG).is_file() or (path / "modules.json").is_file():  # of sentence-transformers
        return path
    if (path / _ADAPTER).is_file():
        raise HeadstartError(
            f"{path}: an adapter (peft), not a model; merge it into its base first: "
            "PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(OUT)"
        )
    if (path / "snapshots").is_dir():
        return _snapshot(path)
    found = sorted(folder for folder in path.iterdir() if (folder / CONFIG).is_file()) if path.is_dir() else []
    steps = {int(match[1]): folder for folder in found if (match := _CHECKPOINT.fullmatch(folder.name))}
    if steps:
        return steps[max(steps)]
    if len(found) > 1:
        raise HeadstartError(f"{path}: several models; name one of {', '.join(str(one) for one in found[:5])}")
    return found[0] if found else None


def unwrapped(tensors: Mapping[str, T]) -> dict[str, T]:
    """Return tensors by name without what torch.compile or data parallelism put before all of the names."""
    out = dict(tensors)
    while out and (mark := next((one for one in _WRAPPERS if all(name.startswith(one) for name in out)), None)):
        out = {name.removeprefix(mark): tensor for name, tensor in out.items()}
    return out


def _snapshot(path: Path) -> Path | None:
    """Return the folder of the revision that is called main, else the latest one."""
    kept = [folder for folder in (path / "snapshots").iterdir() if (folder / CONFIG).is_file()]
    main = path / "refs" / "main"
    named = path / "snapshots" / main.read_text().strip() if main.is_file() else None
    if named in kept:
        return named
    return max(kept, key=lambda folder: folder.stat().st_mtime, default=None)


def licence(folder: Path) -> str:
    """Return the licence that the model card of a folder (README.md) states in its head, or an empty string."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    opening, _, rest = card.read_text(encoding="utf-8", errors="replace").partition("---\n")
    found = None if opening.strip() else _LICENCE.search(rest.partition("\n---")[0])
    return found[1] if found else ""
