"""What all specs have in common: settings as a frozen dataclass, from command-line text and from JSON, and back."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from headstart.core import registry
from headstart.core.errors import HeadstartError, unknown
from headstart.core.kinds import MOST, described, members_of, quoted


@cache
def hints_of(kind: type, limits: bool = False) -> dict[str, Any]:
    """Return the types of the fields of a class; Python compiles the annotations, which opening a file is not to do.

    limits: keep what annotations say beside the type (`core/kinds.py`).
    """
    return typing.get_type_hints(kind, include_extras=limits)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A named, serialisable setting of one part."""

    axis: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """The choice's name: the name of the file that defines it."""
        return type(self).__module__.rsplit(".", 1)[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data, nested specs included; the name comes first."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: value.to_dict() if isinstance(value, Spec) else value for name, value in values.items()}
        return {"name": self.name, **plain} if self.axis else plain

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Build the spec from plain data. Raises HeadstartError on an unknown field or a value of the wrong type."""
        hints = hints_of(cls, limits=True)
        names = [field.name for field in dataclasses.fields(cls)]
        values = {}
        for key, value in data.items():
            if key == "name":
                continue
            if key not in names:
                raise unknown(f"setting of {cls.label()}", key, names)
            values[key] = checked(f"{cls.label()}.{key}", value, hints[key])
        return cls(**values)

    @classmethod
    def label(cls) -> str:
        """What messages call this spec: `objective mlm`, or the class name."""
        return f"{cls.axis} {cls.__module__.rsplit('.', 1)[-1]}" if cls.axis else cls.__name__

    def with_settings(self, settings: Iterable[tuple[str, str]]) -> Self:
        """Return a copy with all `settings`, pairs of a field and its command-line text, applied at once.

        At once: fields that must fit each other (width and heads) may come in any order. A field that is a spec takes
        the name of a choice, and `field.setting` is a setting of that. Raises HeadstartError, see `from_dict`.
        """
        changed: dict[str, Any] = {}
        inner: dict[str, list[tuple[str, str]]] = {}  # settings of fields that are specs
        names, kinds = [f.name for f in dataclasses.fields(self)], hints_of(type(self))
        for path, text in settings:
            field, _, setting = path.partition(".")
            if field not in names:
                raise unknown(f"setting of {self.label()}", field, names)
            if setting:
                inner.setdefault(field, []).append((setting, text))
            else:
                changed[field] = _parse(f"{self.label()}.{field}", text, kinds[field])
                inner.pop(field, None)  # they were settings of the choice before
        for field, own in inner.items():
            part = changed.get(field, getattr(self, field))
            if not isinstance(part, Spec):
                raise HeadstartError(f"{self.label()}.{field}.{own[0][0]}: {field} has no settings of its own")
            changed[field] = part.with_settings(own)
        return dataclasses.replace(self, **changed)


def checked(where: str, value: Any, kind: Any) -> Any:
    """Return `value` as `kind`, an annotation, inside containers too (JSON has no tuples and may write 1 for 1.0).

    kind: of a field of a dataclass or a `TypedDict`, which knows its keys. where: what messages call the value, to
    which keys and places below it are added. Raises HeadstartError: it is something else, here or at a place below.
    """
    for member in members_of(kind):
        if (found := _as_member(where, value, member)) is not _OTHER:
            return found
    raise HeadstartError(f"{where}={quoted(value)}: expected {described(kind)}")


_OTHER = object()


def _as_member(where: str, value: Any, kind: Any) -> Any:
    """Return `value` as a kind that is no union; _OTHER: it is something else."""
    origin, parts = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is Any or origin is object:
        return value
    if origin is typing.Annotated:
        found = _as_member(where, value, parts[0])
        return found if found is not _OTHER and parts[1].low <= found <= parts[1].high else _OTHER
    if origin is typing.Literal:
        return value if any(value == one and type(value) is type(one) for one in parts) else _OTHER
    if typing.is_typeddict(origin):
        return _as_file(where, value, origin) if isinstance(value, Mapping) else _OTHER
    if origin is tuple or origin is list:
        if not isinstance(value, list | (tuple if origin is tuple else list)):
            return _OTHER
        return _as_places(where, value, origin, parts)
    if origin is dict:
        if not isinstance(value, dict):
            return _OTHER
        if not parts:
            return value
        if parts[0] is int and (strange := [key for key in value if not (type(key) is str and key.isdecimal())]):
            raise HeadstartError(f"{where}: unknown key {quoted(strange[0])}: expected a whole number")
        inner = parts[1]
        return value if inner is Any else {key: checked(f"{where}.{key}", one, inner) for key, one in value.items()}
    if origin is float:
        return float(value) if type(value) in (int, float) and abs(value) <= sys.float_info.max else _OTHER
    if origin is int:
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST else _OTHER
    if isinstance(origin, type) and isinstance(value, origin):
        return value
    if isinstance(origin, type) and issubclass(origin, Spec) and isinstance(value, dict):
        return registry.build_spec(origin.axis, value) if origin.axis else origin.from_dict(value)
    return _OTHER


def _as_places(where: str, value: Sequence[Any], origin: type, parts: tuple[Any, ...]) -> Any:
    """Return a list or a tuple of checked parts; _OTHER: a tuple of another length."""
    if not parts or parts[0] is Any:
        return origin(value)
    if origin is tuple and parts[-1] is not Ellipsis:
        if len(value) != len(parts):
            return _OTHER
        return tuple(checked(f"{where}[{n}]", one, part) for n, (one, part) in enumerate(zip(value, parts)))
    return origin(checked(f"{where}[{n}]", one, parts[0]) for n, one in enumerate(value))


def _as_file(where: str, value: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Return an object as its `TypedDict`. Raises HeadstartError: a key that is unknown or missing, a wrong value."""
    kinds, needed = _kinds_of(kind)
    for key in value:
        if key not in kinds:
            raise HeadstartError(f"{where.removesuffix(':')}: {unknown('key', key, kinds)}")
    if lost := [key for key in needed if key not in value]:
        raise HeadstartError(f"{where.removesuffix(':')}: {lost[0]} is missing (expected {described(kinds[lost[0]])})")
    between = " " if where.endswith(":") else "."
    return {key: checked(f"{where}{between}{key}", one, kinds[key]) for key, one in value.items()}


@cache
def _kinds_of(kind: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the kinds of a `TypedDict`'s keys, and the keys that may not be left out."""
    told = hints_of(kind, limits=True)
    said = {key: typing.get_origin(one) for key, one in told.items()}
    marks = (typing.Required, typing.NotRequired)
    kinds = {key: typing.get_args(one)[0] if said[key] in marks else one for key, one in told.items()}
    by_default = dict.fromkeys(kind.__required_keys__, typing.Required)
    marked = by_default | {key: mark for key, mark in said.items() if mark in marks}
    return kinds, [key for key in kinds if marked.get(key) is typing.Required]


def _parse(where: str, text: str, kind: Any) -> Any:
    """Read command-line text as `kind`."""
    for member in members_of(kind):
        origin = typing.get_origin(member) or member
        lowered = text.lower()
        if isinstance(origin, type) and issubclass(origin, Spec) and origin.axis:
            return registry.load(origin.axis, registry.named(origin.axis, text))()
        try:
            if origin is type(None) and lowered in ("none", "null"):
                return None
            if origin is bool and lowered in ("true", "false", "yes", "no", "1", "0"):
                return lowered in ("true", "yes", "1")
            if origin in (int, float):
                return origin(text.replace("_", ""))
            if origin is typing.Literal and text in map(str, typing.get_args(member)):
                return next(choice for choice in typing.get_args(member) if str(choice) == text)
            if origin is tuple:
                return tuple(_parse(where, part, typing.get_args(member)[0]) for part in text.split(",") if part)
            if origin is str:
                return text
        except ValueError:
            continue
    raise HeadstartError(f"{where}={text!r}: expected {described(kind)}")
