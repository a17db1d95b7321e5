"""Small faults in a syntax tree: which ones there are, and a tree with one of them.

No fault is planted in what no test should hold on to: docstrings, annotations, decorators, assertions, the words of
errors and messages, and keywords that guard or speed up but change no result. A number that has a name in capitals is
a limit or a size: it is doubled and halved, since no promise could tell it from its neighbour.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARED = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLED = {"min": "max", "any": "all", "minimum": "maximum", "argmin": "argmax", "floor": "ceil", "first": "last"}
_CALLED |= {new: old for old, new in _CALLED.items()}
_TYPES = ("isinstance", "issubclass")
_SAYING = ("say", "print", "warn", "debug")
_GUARDS = ("strict", "repr", "stacklevel", "maxsize")
_NAMES = ("__slots__", "__all__")


@dataclass(frozen=True)
class Fault:
    """The change of one node: its number in the walk of the module, which of its changes, and what is shown of it."""

    node: int
    change: int
    line: int
    before: str
    after: str


def faults(tree: ast.Module) -> list[Fault]:
    """Return every fault that can be planted in a module."""
    found = []
    for number, (_, _, node) in enumerate(_walk(tree)):
        for change, new in enumerate(_changes(node)):
            found.append(Fault(number, change, node.lineno, _shown(node), _shown(new)))
    return found


def planted(tree: ast.Module, fault: Fault) -> ast.Module:
    """Return a copy of the module with the fault in it."""
    tree = copy.deepcopy(tree)
    parent, (name, place), node = list(_walk(tree))[fault.node]
    new = ast.copy_location(_changes(node)[fault.change], node)
    if place is None:
        setattr(parent, name, new)
    else:
        vars(parent)[name][place] = new
    return ast.fix_missing_locations(tree)


def _walk(node: ast.AST) -> Iterator[tuple[ast.AST, tuple[str, int | None], Any]]:
    for name, value in _fields(node):
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _left_out(child):
                if isinstance(child, ast.expr | ast.stmt | ast.ExceptHandler):
                    yield node, (name, place), child
                if not _is_limit(child):
                    yield from _walk(child)


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a node in which faults are planted."""
    left_out: tuple[str, ...] = ("annotation", "returns", "decorator_list", "ctx")
    if isinstance(node, ast.Raise | ast.FormattedValue):
        return
    if isinstance(node, ast.ClassDef):
        left_out += ("bases", "keywords")
    if isinstance(node, ast.Call) and _name(node.func) in _TYPES:
        left_out += ("args",)
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        left_out += ("test", "body")
    for name, value in ast.iter_fields(node):
        if name not in left_out:
            yield name, value


def _left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(one, ast.Name) and one.id in _NAMES for one in node.targets)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or (
            isinstance(node.value, ast.Call) and _name(node.value.func) in _SAYING
        )
    return isinstance(node, ast.Assert | ast.JoinedStr) or (isinstance(node, ast.keyword) and node.arg in _GUARDS)


def _is_limit(node: ast.AST) -> bool:
    """Whether a statement gives a number a name in capitals."""
    named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()
    return named and all(
        isinstance(one, ast.BinOp | ast.operator) or (isinstance(one, ast.Constant) and type(one.value) in (int, float))
        for one in ast.walk(node.value)
    )


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _shown(node: ast.AST) -> str:
    """Return the source of a node, of a compound statement its first line."""
    text = ast.unparse(node)
    return text if isinstance(node, ast.expr) else text.split("\n")[0]


def _changes(node: ast.AST) -> list[ast.AST]:
    """Return what may stand in the place of a node, always in the same order."""
    found = [_with(node, **fields) for fields in _changed_fields(node)]
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        found.append(copy.deepcopy(node.operand))
    if isinstance(node, ast.Break | ast.Continue):
        found.append(ast.Continue() if isinstance(node, ast.Break) else ast.Break())
    dropped = ast.Raise | ast.AugAssign | ast.Delete | ast.Break | ast.Continue
    kept = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    if kept or isinstance(node, dropped) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        found.append(ast.Pass())
    return found


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    new = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _changed_fields(node: ast.AST) -> Iterator[dict[str, Any]]:
    match node:
        case ast.Assign() if _is_limit(node):
            whole = not any(isinstance(vars(one).get("value"), float) for one in ast.walk(node.value))
            for operator in (ast.Mult(), ast.FloorDiv() if whole else ast.Div()):
                yield {"value": ast.BinOp(copy.deepcopy(node.value), operator, ast.Constant(2))}
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                for new in _COMPARED[type(operator)]:
                    yield {"ops": [*node.ops[:place], new(), *node.ops[place + 1 :]]}
        case ast.BinOp() if type(node.op) in _COMPUTED and not _is_text(node):
            yield {"op": _COMPUTED[type(node.op)]()}
        case ast.AugAssign() if type(node.op) in _COMPUTED:
            yield {"op": _COMPUTED[type(node.op)]()}
        case ast.BoolOp():
            yield {"op": ast.Or() if isinstance(node.op, ast.And) else ast.And()}
        case ast.Constant(value=bool()):
            yield {"value": not node.value}
        case ast.Constant(value=int()):
            yield {"value": node.value + 1}
            yield {"value": node.value - 1}
        case ast.Constant(value=float()):
            yield {"value": node.value + 1}
        case ast.If() | ast.While() | ast.IfExp():
            yield {"test": ast.UnaryOp(ast.Not(), copy.deepcopy(node.test))}
        case ast.Return() if node.value is not None and not (isinstance(node.value, ast.Constant)):
            yield {"value": ast.Constant(None)}
        case ast.Slice():
            yield from ({name: None} for name in ("lower", "upper") if vars(node)[name] is not None)
        case ast.ExceptHandler(type=ast.Tuple()):
            for place in range(len(node.type.elts)):
                left = [one for number, one in enumerate(node.type.elts) if number != place]
                yield {"type": ast.Tuple(copy.deepcopy(left), ast.Load())}
        case ast.ExceptHandler() if node.type is not None:
            yield {"type": ast.Tuple([], ast.Load())}
        case ast.Call() if _name(node.func) in _CALLED:
            yield {"func": _with(node.func, **{_field(node.func): _CALLED[_name(node.func)]})}


def _field(function: ast.expr) -> str:
    return "attr" if isinstance(function, ast.Attribute) else "id"


def _is_text(node: ast.BinOp) -> bool:
    """Whether a side is a literal that only one operator takes, so that any other fails whenever it runs."""
    literal = ast.JoinedStr | ast.List | ast.Tuple | ast.Set | ast.Dict | ast.ListComp
    sides = (node.left, node.right)
    return any(
        isinstance(one, literal) or (isinstance(one, ast.Constant) and isinstance(one.value, str)) for one in sides
    )
