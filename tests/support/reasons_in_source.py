"""Collects every `Reason(...)` that the package can make, from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WrittenReason:
    """A call of `Reason` in the source. values: the names of what is filled in."""

    place: str
    code: str
    english: str
    values: frozenset[str]


def written_reasons(root: Path) -> list[WrittenReason]:
    """Return all calls; a code or sentence that is not written out is an AssertionError."""
    return [one for path in sorted(root.rglob("*.py")) for one in _in_file(path, root)]


def _in_file(path: Path, root: Path) -> Iterator[WrittenReason]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
            place = f"{path.relative_to(root)}:{node.lineno}"
            told = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            assert len(told) == len(node.args) == 2, f"{place}: code and sentence must be written out"
            yield WrittenReason(place, *told, frozenset(part.arg for part in node.keywords))


def unreasoned(root: Path) -> list[str]:
    """Return the functions that promise a Reason and return plain text instead, as `file:line`."""
    out = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and _promises(node):
                texts = [one for one in ast.walk(node) if isinstance(one, ast.Return) and _is_text(one.value)]
                out += [f"{path.relative_to(root)}:{one.lineno} returns plain text" for one in texts]
    return out


def _promises(node: ast.FunctionDef) -> bool:
    return node.name == "refuses" or (node.returns is not None and "Reason" in ast.unparse(node.returns))


def _is_text(value: ast.expr | None) -> bool:
    if isinstance(value, ast.BoolOp):
        return any(map(_is_text, value.values))
    if isinstance(value, ast.IfExp):
        return _is_text(value.body) or _is_text(value.orelse)
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str))
