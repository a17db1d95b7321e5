"""The verbs as functions of Python: data in memory, settings as a dictionary, folders that need not be named."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import textwrap
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from headstart.commands.reading import say
from headstart.commands.session import files
from headstart.core.disk_errors import told_of
from headstart.core.errors import HeadstartError

_BASES = ("base", "bases")
_LISTED = ("labels", "routes", "filters", "label", "log", "seeds")  # several words with commas between them, or a list
_WITHOUT_BASE = ("compare", "transfer", "ablate", "cross")  # classical routes can be compared alone
_WITH_FOLDER = ("pretrain", "convert", "sweep", *_WITHOUT_BASE)
_ANSWERING = ("predict", "embed", "evaluate")  # asked again and again; what they read is not read again later
_FOLDERS = "headstart-{verb}-{number}"
_WIDTH = 100


def for_python(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return a verb for `import headstart as hs`: the same function and the same result.

    Data may be names of files or what is in memory (`data/memory_files.py`); results of verbs stand for their folders;
    without `out` a new folder in the working directory is taken and said, and where no base is named there is none.
    """
    hints = typing.get_type_hints(verb, include_extras=True)
    asked = {name: _taken(hints[name]) for name in inspect.signature(verb).parameters}
    signature = _signature(verb, asked)

    @functools.wraps(verb)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise HeadstartError(
                f"{verb.__name__}: {error}; help(headstart.{verb.__name__}) shows what it takes"
            ) from None
        given.apply_defaults()
        kinds = inspect.signature(verb).parameters
        with contextlib.ExitStack() as passing:
            values = {
                name: _data(verb.__name__, name, value, passing)
                if asked[name].data and value is not None
                else _value(verb.__name__, name, value)
                for name, value in given.arguments.items()
            }
            ordered = [values[name] for name, one in kinds.items() if one.kind is one.POSITIONAL_ONLY]
            named = {name: values[name] for name, one in kinds.items() if one.kind is not one.POSITIONAL_ONLY}
            try:
                return verb(*ordered, **named)
            except OSError as error:
                raise told_of(error) from None

    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {name: one.annotation for name, one in signature.parameters.items()}
    call.__doc__ = _doc(verb, asked)
    return call


class _Taken(typing.NamedTuple):
    """What a parameter takes: its type, its line of help, whether it is data."""

    kind: Any
    help: str
    data: bool


def _taken(hint: Any) -> _Taken:
    kind, *notes = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
    (note,) = [one for one in notes if isinstance(one, Parameter)] or [Parameter()]
    return _Taken(kind, note.help or "", note.converter is files)


def _signature(verb: Callable[..., Any], asked: Mapping[str, _Taken]) -> inspect.Signature:
    """Return what Python may write: every parameter by name, `base` and `out` need not be given."""
    given = inspect.signature(verb)
    out = []
    for name, one in given.parameters.items():
        kind = one.POSITIONAL_OR_KEYWORD if one.kind is one.POSITIONAL_ONLY else one.kind
        default = None if one.default is one.empty and _open(verb, name) else one.default
        out.append(one.replace(kind=kind, default=default, annotation=Any if asked[name].data else asked[name].kind))
    # After a parameter with a default all others that come by place need one too.
    places = [one for one in out if one.kind is one.POSITIONAL_OR_KEYWORD]
    if places and places[0].default is not places[0].empty:
        out = [one.replace(default=None) if one in places and one.default is one.empty else one for one in out]
    return inspect.Signature(out, return_annotation=typing.get_type_hints(verb).get("return", given.empty))


def _open(verb: Callable[..., Any], name: str) -> bool:
    """Whether Python need not give it: a folder to write, a base where data alone can be compared."""
    return name == "out" or (name in _BASES and verb.__name__ in _WITHOUT_BASE)


def _value(verb: str, name: str, value: Any) -> Any:
    """Return what a verb is given for a parameter that is no data."""
    if name == "settings":
        return _settings(verb, value)
    if isinstance(value, list | tuple) and name in _LISTED:
        return ",".join(map(str, value))  # as the command line writes it: labels=[16, 64]
    if name in _LISTED and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name in _BASES and value is None and verb in _WITHOUT_BASE:
        return ["none"] if name == "bases" else Path("none")
    if name == "bases" and isinstance(value, str | os.PathLike):
        return [value]
    if name == "out" and value is None and verb in _WITH_FOLDER:
        return _new_folder(verb)
    return value


def _data(verb: str, name: str, value: Any, passing: contextlib.ExitStack) -> list[str]:
    """Return names of files; what is in memory goes when `passing` ends, unless a verb may want to read it later.

    Raises HeadstartError: data that cannot be read.
    """
    from headstart.core.scratch import scratch_folder
    from headstart.data.memory_files import as_files

    def home() -> Path:
        return passing.enter_context(scratch_folder("memory"))

    try:
        if verb == "cross" and isinstance(value, Mapping):  # parts by name
            return [f"{part}={as_files(one)[0]}" for part, one in value.items()]
        return as_files(value, home if verb in _ANSWERING else None)
    except HeadstartError as error:
        raise HeadstartError(f"{verb}: {name}: {error}") from None


def _settings(verb: str, value: Any) -> list[str] | None:
    """Return settings as the command line writes them: `objective.mask_ratio=0.3`."""
    if not isinstance(value, Mapping):
        return value
    return [f"{name}={_written(one)}" for name, one in value.items()]


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _new_folder(verb: str) -> Path:
    number = 1
    while Path(_FOLDERS.format(verb=verb, number=number)).exists():
        number += 1
    folder = Path(_FOLDERS.format(verb=verb, number=number))
    say(f"{verb}: everything goes to {folder}")
    return folder


def _doc(verb: Callable[..., Any], asked: Mapping[str, _Taken]) -> str:
    """Return the docstring with a list of the parameters, for help()."""
    lines = [inspect.cleandoc(verb.__doc__ or ""), "", "Parameters", "----------"]
    for name, one in asked.items():
        kind = "names of files, or what is in memory" if one.data else _kind(one.kind)
        kind = "dict | None" if name == "settings" else kind
        lines.append(f"{name} : {kind}")
        told = one.help or (
            "by name, {'mask_ratio': 0.3} or {'objective.mask_ratio': 0.3}" if name == "settings" else ""
        )
        lines += textwrap.wrap(told, _WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _kind(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace("pathlib.", "")
