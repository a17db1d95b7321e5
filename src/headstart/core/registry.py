"""The registry: what can be chosen on each axis, found by file name; no list is kept anywhere.

A file is a choice of an axis when it defines a subclass of that axis's spec. Names are found by reading the files as
text, so that `list` and `--help` import nothing heavy. Third parties add choices by the entry-point group
`headstart.<axis>` (entry name = choice name, value = `module`, whose last part must be that name too).
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

from headstart.core.errors import HeadstartError, unknown

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
def _entry_points(axis: str) -> dict[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in metadata.entry_points(group=f"headstart.{axis}")}


def names(axis: str) -> list[str]:
    """Return the choices of `axis`, ours first, then those of third parties. Raises HeadstartError: unknown axis."""
    return list(_files(axis)) + [name for name in _entry_points(axis) if name not in _files(axis)]


def describe(axis: str, name: str) -> str:
    """Return the first docstring line of the choice's file, read without importing it."""
    if name in _files(axis):
        source = _files(axis)[name].read_text(encoding="utf-8")
        # What follows the docstring takes nine tenths of the time of parsing.
        head, opening, rest = source.partition('"""')
        text, closing, _ = rest.partition('"""')
        whole = head + opening + text + closing if opening and not head.strip() else source
        return (ast.get_docstring(ast.parse(whole)) or "").partition("\n")[0]
    return f"from {_entry_points(axis)[name].value}"


def load(axis: str, name: str) -> type[Any]:
    """Import the choice and return its spec class; few-shot is few_shot.

    Raises HeadstartError: unknown (with the nearest name), no or several specs, an entry point's module of another name
    (specs are called what their module is called, so that what is saved would not load).
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
    else:
        raise unknown(axis, name, names(axis))
    # By the name of its base class: this module cannot import the specs, which ask it for what they hold.
    base = f"{axis.capitalize()}Spec"
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    own = [value for value in classes if value.__module__ == module.__name__]
    found = [value for value in own if base in [parent.__name__ for parent in value.__mro__[1:]]]
    if len(found) != 1:
        raise HeadstartError(f"{axis} '{name}': its file defines {len(found)} {axis} specs, expected one")
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
    if "name" not in data:
        raise HeadstartError(f"{axis}: no name given (allowed: {', '.join(names(axis))})")
    return load(axis, data["name"]).from_dict(data)
