"""What pickle, joblib and skops keep of models: the files that `save` writes, as bytes by their names."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from headstart.core.files import write_bytes
from headstart.core.scratch import scratch_folder
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.fitting.task_model_files import load_task, save_task
from headstart.training.pretrained_model import PretrainedModel

_KIND, _FILES, _PATH = "headstart", "files", "path"


def packed(state: dict[str, Any], route: RouteSpec | None = None) -> dict[str, Any]:
    """Return the attributes of an estimator with models as files; route: by which a task model among them was made."""
    return {name: _packed(value, route) for name, value in state.items()}


def unpacked(state: dict[str, Any]) -> dict[str, Any]:
    """Return what `packed` was given. Raises HeadstartError: damaged files."""
    return {name: _unpacked(value) for name, value in state.items()}


def _packed(value: Any, route: RouteSpec | None) -> Any:
    with scratch_folder("pack") as home:
        folder = home / "model"
        if isinstance(value, TaskModel) and route is not None:
            save_task(value, folder, route, {})
            return {_KIND: "task", _FILES: _read(folder)}
        if isinstance(value, PretrainedModel):
            dataclasses.replace(value, corpus=None).save(folder)
            return {_KIND: "base", _FILES: _read(folder), _PATH: None if value.path is None else str(value.path)}
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict) or _KIND not in value:
        return value
    with scratch_folder("pack") as home:
        folder = home / "model"
        for place, content in value[_FILES].items():
            write_bytes(folder / place, content)
        if value[_KIND] == "task":
            return load_task(folder)
        path = value[_PATH]
        return dataclasses.replace(PretrainedModel.open(folder), path=None if path is None else Path(path))


def _read(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
