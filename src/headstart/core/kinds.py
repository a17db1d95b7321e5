"""Kinds of the fields of specs (the annotations of dataclasses): the members of unions, and words for messages."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any


def members_of(kind: Any) -> tuple[Any, ...]:
    """Return the kinds that a union allows, or the kind itself."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def described(kind: Any) -> str:
    """Return what a kind takes, in words."""
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(map(str, typing.get_args(kind)))
    if dataclasses.is_dataclass(kind):
        return f"one of its settings, such as .{dataclasses.fields(kind)[0].name}"
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
        dict: "an object",
    }.get(kind, str(kind))
