"""What all specs have in common: settings as a frozen dataclass, from command-line text and from JSON, and back."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from headstart.core import registry
from headstart.core.errors import HeadstartError, unknown
from headstart.core.kinds import described, members_of


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """Return the types of the fields of a class; Python compiles the annotations, which opening a file is not to do."""
    return typing.get_type_hints(kind)


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
        hints = hints_of(cls)
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
    """Return `value` as `kind`, the annotation of a field (JSON has no tuples and may write 1 for 1.0).

    Raises HeadstartError: it is something else.
    """
    for member in members_of(kind):
        origin = typing.get_origin(member) or member
        if origin is typing.Literal and value in typing.get_args(member):
            return value
        if origin is tuple and isinstance(value, list | tuple):
            return tuple(value)
        if origin is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if origin in (list, dict) and isinstance(value, origin):
            return value
        if isinstance(origin, type) and isinstance(value, origin) and not (origin is int and isinstance(value, bool)):
            return value
        if isinstance(origin, type) and issubclass(origin, Spec) and isinstance(value, dict):
            return registry.build_spec(origin.axis, value) if origin.axis else origin.from_dict(value)
    raise HeadstartError(f"{where}={value!r}: expected {described(kind)}")


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
