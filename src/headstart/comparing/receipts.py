"""Receipts: what a cell was made from, enough to make it again from the same files."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from headstart.comparing.draws import Split
from headstart.core.examples import Examples
from headstart.core.migration import cell_key
from headstart.core.spec import RouteSpec
from headstart.data.identity import examples_identity

if TYPE_CHECKING:
    from headstart.fitting.workspace import Workspace

_PACKAGES = ("headstart", "torch", "numpy", "scipy", "scikit-learn")


def workspace_identity(workspace: Workspace, base: str | None) -> dict[str, Any]:
    """Return what tells two workspaces apart: hashes of the base and of the first 1,000 unlabelled documents."""
    out = {} if base is None else {"base": workspace.base and workspace.base.identity}
    if workspace.partner is not None:
        out["beside"] = workspace.partner.base and workspace.partner.base.identity
    if workspace.has_documents:
        out["corpus"] = examples_identity(Examples(items=list(islice(workspace.documents(), 1000))))
    return out


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what is computed."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES}


def receipt(
    route: RouteSpec, split: Split, data: dict[str, str], workspace: dict[str, Any], *, seed: int
) -> dict[str, Any]:
    """Return the receipt of a cell before it is made; the engine adds the times.

    data: identities of the training and the test rows. workspace: see `workspace_identity`. seed: of the study; the
    route gets seed + draw.
    """
    made = {
        "data": data,
        "split": split.drawn | {"rows": split.identity},
        "seed": seed + split.draw,
        "route": route.to_dict(),
        "workspace": workspace,
        "versions": versions(),
    }
    return {"cell": cell_key(made)} | made | {"threads": torch.get_num_threads(), "machine": platform.machine()}
