"""Plug-ins: a choice of an axis in a file of the user's, named by its path; copies of it travel with what it made.

A plug-in is code. It runs when the user names the file, the folder that holds it (`--plugin`) or HEADSTART_PLUGINS;
what is opened may say which plug-ins it needs, and nothing of it runs by that.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.core.files import nearest_beside, write_bytes
from headstart.core.json_files import read_json, write_json

LIST, FOLDER = "plugins.json", "plugins"  # in a run or task model: which plug-ins it needs, and copies of them
VARIABLE = "HEADSTART_PLUGINS"
_PACKAGE = "headstart_plugins"


@dataclass(frozen=True)
class Plugin:
    """A file that a user named, as it was read."""

    axis: str
    name: str
    path: Path
    source: bytes

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file as it was read."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def told(self) -> str:
        """What is said of it."""
        return f"plug-in {self.axis} {self.name}: {self.path}, SHA-256 {self.sha256[:12]}"


_known: dict[tuple[str, str], Plugin] = {}
_modules: dict[tuple[str, str], ModuleType] = {}  # by path and SHA-256
_read_variable: list[str] = []


def is_path(text: str) -> bool:
    """Whether a choice is named by a file, not by a name."""
    return text.endswith(".py") or "/" in text or os.sep in text


def known(axis: str) -> dict[str, Plugin]:
    """Return the plug-ins of an axis by name: those that were named and those of HEADSTART_PLUGINS."""
    given = os.environ.get(VARIABLE, "")
    if given and given not in _read_variable:
        _read_variable.append(given)
        for place in filter(None, given.split(os.pathsep)):
            add(Path(place))
    return {name: plugin for (own, name), plugin in _known.items() if own == axis}


def named() -> list[Path]:
    """Return the files of all plug-ins that were named in this process."""
    return list(dict.fromkeys(plugin.path for plugin in _known.values()))


def add(place: Path, axis: str | None = None) -> list[Plugin]:
    """Make a file, the files of a folder, or the copies in a run or task model choosable; return them.

    axis: what a file must be a choice of; None = told by its text or, for a class that inherits from another choice, by
    running its code. Raises HeadstartError: not there, no plug-in, a name that cannot be one, a copy that was changed.
    """
    if place.is_dir():
        kept = [(path, entry["axis"]) for path, entry in _copies(place)] if (place / LIST).is_file() else []
        files = kept or [(path, None) for path in sorted(place.glob("*.py"))]
        if not files:
            raise HeadstartError(f"{place}: holds no plug-in (no .py file)")
        return [plugin for path, own in files for plugin in add(path, own)]
    if not place.is_file():
        raise HeadstartError(f"plug-in {place}: no such file{nearest_beside(place)}")
    if place.suffix != ".py" or not place.stem.isidentifier():
        raise HeadstartError(
            f"plug-in {place}: the name of the file is the name of the choice: letters, digits and _, then .py"
        )
    source = place.read_bytes()
    axis = axis or _axis_of(place, source)
    plugin = Plugin(axis, place.stem, place.absolute(), source)
    _known[axis, plugin.name] = plugin
    return [plugin]


def _axis_of(path: Path, source: bytes) -> str:
    """Return the axis that a file's text names: `class Mine(ObjectiveSpec)`. Raises HeadstartError: none or several."""
    found = re.findall(rb"^class \w+\((?:[\w.]+, *)*(?:\w+\.)*([A-Z][a-z]+)Spec\b", source, re.MULTILINE)
    axes = sorted({name.decode().lower() for name in found} or _axes_of(module_of(Plugin("", path.stem, path, source))))
    if len(axes) != 1:
        what = f"specs of {' and '.join(axes)}" if axes else "no spec"
        raise HeadstartError(
            f"plug-in {path}: defines {what}; a plug-in defines one class such as `class Mine(ObjectiveSpec)`"
        )
    return axes[0]


def _axes_of(module: ModuleType) -> set[str]:
    """Return the axes of the specs that a module defines: what it inherits says them."""
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    said = [vars(parent)["axis"] for one in own for parent in one.__mro__ if "axis" in vars(parent)]
    return {axis for axis in said if isinstance(axis, str) and axis}


def module_of(plugin: Plugin) -> ModuleType:
    """Run the plug-in's code, once for the same content, and return its module.

    Raises HeadstartError, with the line of the file, when the code cannot be read or ends with an error.
    """
    key = (str(plugin.path), plugin.sha256)
    if key in _modules:
        return _modules[key]
    name = f"{_PACKAGE}.sha_{plugin.sha256[:12]}.{plugin.name}"
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, None, origin=str(plugin.path)))
    module.__file__ = str(plugin.path)
    sys.modules[name] = module  # annotations of dataclasses are looked up there
    try:
        exec(compile(plugin.source, str(plugin.path), "exec"), module.__dict__)
    except SyntaxError as error:
        del sys.modules[name]
        raise HeadstartError(f"plug-in {plugin.path}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        del sys.modules[name]
        lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == str(plugin.path)]
        where = f", line {lines[-1]}" if lines else ""
        raise HeadstartError(f"plug-in {plugin.path}{where}: {type(error).__name__}: {error}") from None
    _modules[key] = module
    return module


def keep(folder: Path, *data: Any) -> list[Plugin]:
    """Copy the plug-ins that JSON data names into a folder, with the list of them; return them. Raises OSError."""
    names = {name for one in data for name in _named(one)}
    used = sorted((one for one in _known.values() if one.name in names), key=lambda one: (one.axis, one.name))
    for plugin in used:
        write_bytes(folder / FOLDER / plugin.axis / f"{plugin.name}.py", plugin.source)
    if used:
        listed = [{"axis": one.axis, "name": one.name, "sha256": one.sha256} for one in used]
        write_json(folder / LIST, {"plugins": listed})
    return used


def _named(data: Any) -> Iterator[str]:
    """Yield every name of a choice in JSON data: `{"name": "mine", ...}`."""
    if isinstance(data, dict):
        if isinstance(data.get("name"), str):
            yield data["name"]
        for one in data.values():
            yield from _named(one)
    elif isinstance(data, list | tuple):
        for one in data:
            yield from _named(one)


def need(folder: Path) -> None:
    """Raise HeadstartError when a folder needs plug-ins that the user has not named, or that are other ones now."""
    if not (folder / LIST).is_file():
        return
    for path, entry in _copies(folder):
        plugin = known(entry["axis"]).get(entry["name"])
        what = f"{entry['axis']} {entry['name']}"
        if plugin is None:
            raise HeadstartError(
                f"{folder}: needs the plug-in {what}, which is code, and no code of a folder runs unasked; read "
                f"{path}, then add --plugin {folder} (from Python: use_plugin), or --plugin with your own file of it"
            )
        if plugin.sha256 != entry["sha256"]:
            raise HeadstartError(
                f"{folder}: was made with another content of the plug-in {what} than {plugin.path} has now; "
                f"--plugin {folder} uses the copy in it"
            )


def _copies(folder: Path) -> list[tuple[Path, dict[str, str]]]:
    """Return (copy, entry of the list) of a folder's plug-ins. Raises HeadstartError: damaged, a copy was changed."""
    path = folder / LIST
    data = read_json(path)
    entries = data.get("plugins") if isinstance(data, dict) else None
    sound = isinstance(entries, list) and all(
        isinstance(one, dict) and all(str(one.get(key)).isidentifier() for key in ("axis", "name")) for one in entries
    )
    if not sound:
        raise HeadstartError(f"{path}: damaged, it is no list of plug-ins")
    found = []
    for entry in entries:
        copy = folder / FOLDER / entry["axis"] / f"{entry['name']}.py"
        if not copy.is_file() or hashlib.sha256(copy.read_bytes()).hexdigest() != entry.get("sha256"):
            raise HeadstartError(f"{copy}: is missing, or is not the plug-in that {path} lists; nothing of it was run")
        found.append((copy, entry))
    return found


def json_in(folder: Path) -> list[Any]:
    """Return what the JSON files of a folder hold, for `keep`: any of them may name a choice."""
    return [read_json(path) for path in sorted(folder.rglob("*.json"))]
