"""Receipts: what a cell was made from, enough for anyone who has the files to make it again."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib import metadata
from itertools import islice
from typing import Any

import numpy as np
import torch

from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.evaluation.draws import Split

_PACKAGES = ("headstart", "torch", "numpy", "scipy", "scikit-learn")


def data_identity(examples: Examples) -> str:
    """Return a SHA-256 over texts, labels and class names, in their order."""
    digest = hashlib.sha256(json.dumps(examples.classes, ensure_ascii=False).encode())
    for texts in (examples.first, examples.second or ()):
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        digest.update(b"\0end")
    if examples.labels is not None:
        digest.update(np.asarray(examples.labels, "<i8").tobytes())
    return digest.hexdigest()


def workspace_identity(workspace: Any, base: str | None) -> dict[str, Any]:
    """Return what tells two workspaces apart: hashes of the first 1,000 unlabelled documents and of the base."""
    out = {} if base is None else {"base": getattr(getattr(workspace, "base", None), "identity", None)}
    if getattr(workspace, "has_documents", False):
        out["corpus"] = data_identity(Examples(first=list(islice(workspace.documents(), 1000))))
    return out


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what is computed."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES}


def receipt(
    route: RouteSpec, split: Split, data: dict[str, str], workspace: dict[str, Any], *, seed: int
) -> dict[str, Any]:
    """Return the receipt of a cell before it is run; the engine adds the times.

    data: identities of the training and the test rows. workspace: see `workspace_identity`. seed: of the comparison;
    the route gets seed + draw.
    """
    made = {
        "data": data,
        "split": split.drawn | {"rows": split.identity},
        "seed": seed + split.draw,
        "route": route.to_dict(),
        "workspace": workspace,
        "versions": versions(),
    }
    return {"cell": _key(made)} | made | {"threads": torch.get_num_threads(), "machine": platform.machine()}


def _key(made: dict[str, Any]) -> str:
    """Return the identity of a cell: 24 hexadecimal digits of the SHA-256 of everything its result depends on.

    Of the versions that is headstart's own: another one may train another model.
    """
    parts = made | {"versions": made["versions"]["headstart"]}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]
