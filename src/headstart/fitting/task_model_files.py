"""Saving and opening task models of any route: one self-contained folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from headstart.core import migration, plugins, registry
from headstart.core.artefact_files import TaskFile, TaskReceipt
from headstart.core.errors import HeadstartError, in_file
from headstart.core.examples import Examples, ImageRef
from headstart.core.files import copy_folder, nearest_beside, write_bytes
from headstart.core.json_files import write_json
from headstart.core.manifest import WINNER, need_intact, write_folder
from headstart.core.migration import FORMAT, read_versioned
from headstart.core.spec import RouteSpec
from headstart.core.spec_base import checked
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.data.identity import row_hashes
from headstart.fitting.model_parts import plain
from headstart.training.curves import LOG
from headstart.training.run_folder import RunFolder

_FILE, _ROWS = "task.json", "training_rows.safetensors"
_HASHES = "hash_N"
_GREY = bytes.fromhex(  # an image of one grey pixel, as PNG
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000 3a7e9b550000000a49444154789c636800000082008177cd72b6"
    "0000000049454e44ae426082"
)


def receipt_of(
    examples: Examples, workspace: RouteWorkspace, ledger: Mapping[str, Any], *, seed: int, seconds: float
) -> dict[str, Any]:
    """Return what a task model was made from: base, files, columns, seed, seconds of training, kind of rows.

    ledger: of the labelled files, see `read_labelled_rows`.
    """
    return {
        "base": workspace.base.receipt if workspace.base else None,
        "data": {name: told for name, told in ledger.items() if name != "columns"},
        "columns": dict(ledger.get("columns", {})),
        "seed": seed,
        "seconds": seconds,
        "pairs": examples.second is not None,
        "takes": examples.takes,
    }


def save_task(
    model: TaskModel, folder: Path, route: RouteSpec, receipt: dict[str, Any], trained: Examples | None = None
) -> None:
    """Write `model` whole or not at all; an existing folder of that name is replaced. Raises OSError.

    Curves of training in it (`LOG`) stay. `task.json` holds the route with its settings, the class names, what was
    chosen, and the caller's `receipt`. `training_rows.safetensors` holds the hashes of the rows `trained` on, 8 bytes
    each, where they are given. Raises HeadstartError too: a receipt with other keys than `TaskReceipt` has.
    """
    folder = Path(folder)
    receipt = checked("receipt:", plain(receipt), TaskReceipt)  # sooner than when the model is opened
    hash_N = None if trained is None else np.unique(row_hashes(trained))

    def fill(temporary: Path) -> None:
        model.save(temporary)
        if (folder / LOG).is_dir():  # curves of the training that has just ended
            copy_folder(folder / LOG, temporary / LOG)
        head = {"format": FORMAT, "route": route.to_dict(), "task": model.task, "classes": model.classes}
        write_json(temporary / _FILE, plain({**head, "notes": model.notes, "receipt": receipt}))
        plugins.keep(temporary, *plugins.json_in(temporary), receipt)
        if hash_N is not None:
            write_bytes(temporary / _ROWS, save({_HASHES: hash_N}))

    write_folder(folder, "task", fill)


def read_task(folder: Path) -> TaskFile:
    """Return the contents of `task.json`. Raises HeadstartError: not there, damaged, of a newer format."""
    path = Path(folder) / _FILE
    if not Path(folder).is_dir():
        raise HeadstartError(f"{folder}: no such directory{nearest_beside(Path(folder))}")
    if not path.is_file():
        raise HeadstartError(f"{folder}: not a task model (it has no {_FILE}); write one with 'headstart transfer'")
    return read_versioned(path, migration.task)


def task_folder(folder: Path) -> Path:
    """Return the folder of a task model: of a report of `compare` the model that it left, else the folder itself."""
    inner = Path(folder) / WINNER
    return inner if (inner / _FILE).is_file() and not (Path(folder) / _FILE).is_file() else Path(folder)


def load_task(folder: Path) -> TaskModel:
    """Open a task model by the route that made it. Raises HeadstartError, one line, when any byte is not as written."""
    folder = Path(folder)
    if (folder / _FILE).is_file():
        need_intact(folder, "task")
    plugins.need(folder)
    data = read_task(folder)
    with in_file(folder / _FILE):
        route = registry.build_spec("route", data["route"])
    try:
        model = route.load(folder)
        if len(set(model.classes)) < len(model.classes) or list(model.classes) != data["classes"]:
            raise HeadstartError(f"{folder / _FILE}: classes are not those of the model, each once")
        _try(model, data["receipt"])
    except HeadstartError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, AssertionError) as error:
        told = str(error).splitlines()[0] if str(error) else ""
        raise HeadstartError(
            f"{folder}: damaged task model, its files do not fit each other ({type(error).__name__}: {told})"
        ) from None
    return model


def _try(model: TaskModel, receipt: TaskReceipt) -> None:
    """Let a model answer two rows, so that files that each are sound and do not fit each other are told at opening."""
    if "takes" not in receipt or model.task == "generate":  # a member of an ensemble; what writes for seconds
        return
    items = ["a b", "b c"] if receipt["takes"] == "text" else [ImageRef.from_bytes(_GREY)] * 2
    rows = Examples(items, items if receipt.get("pairs") else None, classes=tuple(model.classes), task=model.task)
    notes = dict(model.notes)
    try:
        if model.task == "classify" and model.predict_proba(rows).shape != (2, len(model.classes)):
            raise ValueError(f"{len(model.classes)} classes")
        model.predict(rows)
    except HeadstartError:  # such rows cannot be asked alone
        pass
    finally:
        model.notes = notes


def learned_labels(base: Path, examples: Examples) -> np.ndarray:
    """Return of which of N rows a base has learned the answers, bool [N]: of those that a task model was trained on.

    base: a task model, or a run that started from one, at any remove, as far as it is still there.
    """
    known_N, seen = np.zeros(len(examples), bool), set()
    while base.resolve() not in seen:  # a run may say that it began with itself
        seen.add(base.resolve())
        if (found_N := trained_on(base, examples)) is not None:
            known_N |= found_N
        home = RunFolder(base)
        start = home.record()["spec"].get("base") if home.is_begun else None
        if not isinstance(start, str):
            break
        base = Path(start)
    return known_N


def trained_on(folder: Path, examples: Examples) -> np.ndarray | None:
    """Return which of N rows the task model of `folder` was trained on, bool [N]; None where that was not kept.

    Rows are known by their items (`row_hashes`): the names of files, their order and their format do not matter. Raises
    HeadstartError: damaged.
    """
    path = Path(folder) / _ROWS
    if not path.is_file():
        return None
    try:
        hash_M = load(path.read_bytes())[_HASHES]
    except (SafetensorError, KeyError, OSError) as error:
        raise HeadstartError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    return np.isin(row_hashes(examples), hash_M)
