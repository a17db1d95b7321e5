"""The registry: what can be chosen on each axis, found by file name; no list is kept anywhere.

A file is a choice of an axis when it defines a subclass of that axis's spec. Names are found by reading the files as
text, so that `list` and `--help` import nothing heavy. Third parties add choices by the entry-point group
`headstart.<axis>` (entry name = choice name, value = `module`, whose last part must be that name too). A file of the
user's is a choice too, by its path or, once it was named, by its name (`core/plugins.py`).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from headstart.core import plugins
from headstart.core.errors import HeadstartError, unknown
from headstart.core.kinds import quoted

FOLDERS = {
    "processor": "processors",
    "backbone": "backbones",
    "objective": "objectives",
    "optimizer": "training/optimizers",
    "head": "heads",
    "task": "tasks",
    "route": "routes",
    "reader": "data/readers",
    "filter": "data/filters",
    "metric": "metrics",
    "recipe": "recipes",
    "export": "exports",
    "strategy": "strategies",
    "logger": "training/loggers",
}
_ROOT = Path(__file__).resolve().parent.parent


def axes() -> list[str]:
    """Return the names of all axes."""
    return list(FOLDERS)


@cache
def _files(axis: str) -> dict[str, Path]:
    if axis not in FOLDERS:
        raise unknown("axis", axis, FOLDERS)
    marker = re.compile(rf"^class \w+\((?:\w+, )*{axis.capitalize()}Spec\)", re.MULTILINE)
    paths = sorted((_ROOT / FOLDERS[axis]).glob("*.py"))
    return {path.stem: path for path in paths if marker.search(path.read_text(encoding="utf-8"))}


@cache
def _all_entry_points() -> metadata.EntryPoints:
    return metadata.entry_points()  # reads a file of every installed package: 25 ms and more


@cache
def _entry_points(axis: str) -> dict[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in _all_entry_points().select(group=f"headstart.{axis}")}


def names(axis: str) -> list[str]:
    """Return the choices of `axis`, ours first, then those of third parties and plug-ins.

    Raises HeadstartError: unknown axis, a plug-in of HEADSTART_PLUGINS that cannot be one.
    """
    return list(dict.fromkeys([*_files(axis), *_entry_points(axis), *plugins.known(axis)]))


def named(axis: str, text: str) -> str:
    """Return the name of a choice that may be given by the path of its file, which is a choice from now on.

    Raises HeadstartError: no such file, a file that is called like another choice.
    """
    if not plugins.is_path(text):
        return text
    _need_free(axis, Path(text))
    return plugins.add(Path(text), axis)[0].name


def use_plugin(place: Path | str) -> list[str]:
    """Make the plug-ins of a file or folder choosable, or those that a run or task model keeps; return their names.

    Their code runs when they are chosen, or when something is opened that needs them. Raises HeadstartError: no
    plug-in, a name that another choice has.
    """
    found = plugins.add(Path(place))
    for plugin in found:
        if plugin.axis not in FOLDERS:
            raise HeadstartError(f"plug-in {plugin.path}: {unknown('axis', plugin.axis, FOLDERS)}")
        _need_free(plugin.axis, plugin.path)
    return [plugin.name for plugin in found]


def _need_free(axis: str, path: Path) -> None:
    if path.stem in _files(axis) or path.stem in _entry_points(axis):
        raise HeadstartError(
            f"plug-in {path}: there is a {axis} called {path.stem} already; give the file another name"
        )


def describe(axis: str, name: str) -> str:
    """Return the first docstring line of the choice's file, read without importing it."""
    if name in _files(axis):
        source = _files(axis)[name].read_text(encoding="utf-8")
        # What follows the docstring takes nine tenths of the time of parsing.
        head, opening, rest = source.partition('"""')
        text, closing, _ = rest.partition('"""')
        whole = head + opening + text + closing if opening and not head.strip() else source
        return (ast.get_docstring(ast.parse(whole)) or "").partition("\n")[0]
    if name in _entry_points(axis):
        return f"from {_entry_points(axis)[name].value}"
    plugin = plugins.known(axis)[name]
    try:
        told = ast.get_docstring(ast.parse(plugin.source)) or ""
    except SyntaxError as error:
        told = f"line {error.lineno}: {error.msg}"
    return f"{told.partition(chr(10))[0]} (plug-in {plugin.path})"


def load(axis: str, name: str) -> type[Any]:
    """Import the choice and return its spec class; few-shot is few_shot.

    A path is no name here: what is read from files must not say which code runs. Where a user writes, `named` comes
    first. Raises HeadstartError: unknown (with the nearest name), no or several
    specs, an entry point's module of another name (specs are called what their module is called, so that what is saved
    would not load), code of a plug-in that fails.
    """
    if name not in names(axis):
        name = name.replace("-", "_")
    if name in _files(axis):
        module = importlib.import_module("headstart." + FOLDERS[axis].replace("/", ".") + "." + name)
    elif name in _entry_points(axis):
        module = _entry_points(axis)[name].load()
        if module.__name__.rsplit(".", 1)[-1] != name:
            raise HeadstartError(
                f"{axis} '{name}': its entry point gives '{module.__name__}'; the module must be called '{name}' too"
            )
    elif name in plugins.known(axis):
        module = plugins.module_of(plugins.known(axis)[name])
    else:
        raise unknown(axis, name, names(axis))
    # By the name of its base class: this module cannot import the specs, which ask it for what they hold.
    base = f"{axis.capitalize()}Spec"
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    own = [value for value in classes if value.__module__ == module.__name__]
    found = [value for value in own if base in [parent.__name__ for parent in value.__mro__[1:]]]
    if len(found) != 1:
        told = f": {', '.join(kind.__name__ for kind in found)}" if found else f"; write `class Mine({base})`"
        where = module.__file__ or name
        raise HeadstartError(f"{axis} '{name}': {where} defines {len(found)} {axis} specs, expected one{told}")
    return found[0]


def fitting(axis: str, **having: str) -> list[str]:
    """Return the choices of `axis` whose specs have these values: `fitting("objective", batch="tokens")`.

    An attribute of a spec may be a tuple, which must hold the value then; nothing is built. Raises HeadstartError:
    unknown axis.
    """
    specs = {name: load(axis, name) for name in names(axis)}
    return [name for name, spec in specs.items() if all(_holds(vars_of(spec, k), value) for k, value in having.items())]


def vars_of(spec: type[Any], name: str) -> Any:
    """Return the class attribute `name` of a spec. Raises HeadstartError, with the nearest name: it has none."""
    if name not in dir(spec):
        raise unknown(
            f"attribute of {spec.__name__}", name, [known for known in dir(spec) if not known.startswith("_")]
        )
    return inspect.getattr_static(spec, name)


def _holds(value: Any, wanted: str) -> bool:
    return wanted in value if isinstance(value, tuple) else value == wanted


def build_spec(axis: str, data: dict[str, Any]) -> Any:
    """Return the spec written as {"name": choice, field: value, ...}. Raises HeadstartError."""
    if not isinstance(data, dict):
        raise HeadstartError(f"{axis}={quoted(data)}: expected an object with a name")
    if "name" not in data:
        raise HeadstartError(f"{axis}: no name given (allowed: {', '.join(names(axis))})")
    if not isinstance(data["name"], str):
        raise HeadstartError(f"{axis}.name={quoted(data['name'])}: expected {' | '.join(names(axis))}")
    return load(axis, data["name"]).from_dict(data)
