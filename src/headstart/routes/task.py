"""Saving and opening task models: one self-contained folder, whatever the route that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.base import registry
from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.files import check_folder, nearest_beside, read_json, write_folder, write_json
from headstart.base.spec import RouteSpec
from headstart.routes.task_io import plain

_FILE = "task.json"
_FORMAT = 1


def save_task(model: TaskModel, folder: Path, route: RouteSpec, receipt: dict[str, Any]) -> None:
    """Write `model` whole or not at all; an existing folder of that name is replaced. Raises OSError.

    `task.json` holds the route with its settings, the class names, what was chosen, and the caller's `receipt`.
    """

    def fill(temporary: Path) -> None:
        model.save(temporary)
        head = {"format": _FORMAT, "route": route.to_dict(), "task": model.task, "classes": model.classes}
        write_json(temporary / _FILE, plain({**head, "notes": model.notes, "receipt": receipt}))

    write_folder(Path(folder), fill)


def read_task(folder: Path) -> dict[str, Any]:
    """Return the contents of `task.json`: format, route, task, classes, notes, receipt. Raises HeadstartError."""
    path = Path(folder) / _FILE
    if not Path(folder).is_dir():
        raise HeadstartError(f"{folder}: no such directory{nearest_beside(Path(folder))}")
    if not path.is_file():
        raise HeadstartError(f"{folder}: not a task model (it has no {_FILE}); write one with 'headstart transfer'")
    data = read_json(path)
    if not isinstance(data, dict) or not {"format", "route", "classes"} <= data.keys():
        raise HeadstartError(f"{path}: not a task file (expected format, route and classes)")
    if data["format"] != _FORMAT:
        raise HeadstartError(f"{path}: format {data['format']!r} is not known to this version (it reads {_FORMAT})")
    return data


def load_task(folder: Path) -> TaskModel:
    """Open a task model by the route that made it. Raises HeadstartError, one line, when any byte is not as written."""
    folder = Path(folder)
    data = read_task(folder)
    wrong = check_folder(folder)
    if wrong:
        raise HeadstartError(f"{folder}: damaged task model ({wrong}); copy it again or make it again")
    try:
        return registry.build_spec("route", data["route"]).load(folder)
    except (KeyError, TypeError, IndexError) as error:
        raise HeadstartError(f"{folder}: damaged task model ({type(error).__name__}: {error})") from None
