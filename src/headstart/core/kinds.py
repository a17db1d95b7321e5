"""Kinds of values (annotations of dataclasses and of JSON files): the members of unions, limits, words for messages."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any

MOST = 2**63 - 1  # the largest whole number that a file may hold where a whole number is expected
_LONGEST = 60  # characters of a value that a message quotes


@dataclass(frozen=True)
class Within:
    """A limit of an annotated number: `Annotated[int, Within(0)]` is a whole number of at least 0."""

    low: float
    high: float = MOST


Count = Annotated[int, Within(0)]
Positive = Annotated[int, Within(1)]
Seconds = Annotated[float, Within(0)]
Share = Annotated[float, Within(0, 1)]


def members_of(kind: Any) -> tuple[Any, ...]:
    """Return the kinds that a union allows, or the kind itself."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def quoted(value: Any) -> str:
    """Return a value as a message quotes it: long ones are cut."""
    if isinstance(value, list | tuple | dict) and len(value) > _LONGEST:
        return f"{type(value).__name__} of {len(value):,} items"
    written = repr(value)
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}…"


def described(kind: Any) -> str:
    """Return what a kind takes, in words."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return " | ".join(map(str, typing.get_args(kind)))
    if origin is Annotated:
        inner, limit = typing.get_args(kind)
        if limit.high == MOST:
            return f"{described(inner)} of at least {limit.low}"
        return f"{described(inner)} between {limit.low} and {limit.high}"
    if dataclasses.is_dataclass(kind):
        fields = dataclasses.fields(kind)
        return f"one of its settings, such as .{fields[0].name}" if fields else "an object with a name"
    members = members_of(kind)
    if len(members) > 1:
        return " or ".join(described(member) for member in members)
    return {
        type(None): "none",
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "text",
        list: "a list",
        tuple: "a list",
        dict: "an object",
    }.get(origin or kind, "an object" if typing.is_typeddict(kind) else str(kind))
