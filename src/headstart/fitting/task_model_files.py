"""Saving and opening task models of any route: one self-contained folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.core import migration, registry
from headstart.core.contracts import TaskModel
from headstart.core.errors import HeadstartError
from headstart.core.files import nearest_beside, write_json
from headstart.core.manifest import need_intact, write_folder
from headstart.core.migration import FORMAT, TaskFile, read_versioned
from headstart.core.spec import RouteSpec
from headstart.fitting.model_parts import plain

_FILE = "task.json"


def save_task(model: TaskModel, folder: Path, route: RouteSpec, receipt: dict[str, Any]) -> None:
    """Write `model` whole or not at all; an existing folder of that name is replaced. Raises OSError.

    `task.json` holds the route with its settings, the class names, what was chosen, and the caller's `receipt`.
    """

    def fill(temporary: Path) -> None:
        model.save(temporary)
        head = {"format": FORMAT, "route": route.to_dict(), "task": model.task, "classes": model.classes}
        write_json(temporary / _FILE, plain({**head, "notes": model.notes, "receipt": receipt}))

    write_folder(Path(folder), "task", fill)


def read_task(folder: Path) -> TaskFile:
    """Return the contents of `task.json`. Raises HeadstartError: not there, damaged, of a newer format."""
    path = Path(folder) / _FILE
    if not Path(folder).is_dir():
        raise HeadstartError(f"{folder}: no such directory{nearest_beside(Path(folder))}")
    if not path.is_file():
        raise HeadstartError(f"{folder}: not a task model (it has no {_FILE}); write one with 'headstart transfer'")
    data = read_versioned(path, migration.task)
    if not {"route", "classes"} <= data.keys():
        raise HeadstartError(f"{path}: not a task file (expected route and classes)")
    return data


def load_task(folder: Path) -> TaskModel:
    """Open a task model by the route that made it. Raises HeadstartError, one line, when any byte is not as written."""
    folder = Path(folder)
    if (folder / _FILE).is_file():
        need_intact(folder, "task")
    data = read_task(folder)
    try:
        return registry.build_spec("route", data["route"]).load(folder)
    except (KeyError, TypeError, IndexError) as error:
        raise HeadstartError(f"{folder}: damaged task model ({type(error).__name__}: {error})") from None
