"""Finds calls into the Rust library `tokenizers` that nothing guards (`text/rust.py`), by reading the source.

Only `text/rust.py` may hold a tokenizer of the library, and mentions it within a guard; elsewhere its parts are made,
and never asked. `try_regexes.py` is a program of its own, which is there to see them fail.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

HOME, APART = "text/rust.py", ("text/try_regexes.py",)
GUARDS = ("Guarded", "_whole", "_reading")
HARMLESS = ("alphabet",)  # a constant
KINDS = (
    *(tokenizers.Tokenizer, normalizers.Normalizer, pre_tokenizers.PreTokenizer, decoders.Decoder, trainers.Trainer),
    *(models.Model, models.BPE, models.WordPiece, processors.PostProcessor),
)
WORKING = {name for kind in KINDS for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}
_DEFINED = re.compile(r"^ *def (\w+)", re.MULTILINE)
OTHERS = {"normalize", "from_pretrained", "process"}  # of unicodedata and torch, of transformers, of ours
OTHER_CALLS = ("_kiwi().tokenize",)
BUILTIN = {name for kind in vars(builtins).values() if isinstance(kind, type) for name in dir(kind)}


def unguarded(root: Path) -> list[str]:
    """Return FILE:LINE and what is asked there, of everything that may throw what is no HeadstartError."""
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.py"))}
    texts = {
        name: path.read_text(encoding="utf-8")
        for name, path in files.items()
        if "standalone" not in path.parts and name not in APART
    }
    # A name that something of ours has too is ours: the library's objects are nowhere but at home.
    own = {name for text in texts.values() for name in _DEFINED.findall(text)}
    working = WORKING - own - BUILTIN - OTHERS
    asked = re.compile(rf"tokenizers|_raw\b|\.({'|'.join(sorted(working))})\b")  # the other files are not parsed
    trees = {name: ast.parse(text) for name, text in texts.items() if asked.search(text)}
    found = []
    for name, tree in trees.items():
        within = {id(node) for block in ast.walk(tree) if _guards(block) for node in ast.walk(block)}
        bare = [node for node in ast.walk(tree) if id(node) not in within]
        theirs = {alias.asname or alias.name for node in ast.walk(tree) for alias in _imported(node)}
        found += [f"{name}:{line} {what}" for line, what in _at_home(bare) if name == HOME]
        found += [f"{name}:{line} {what}" for line, what in _elsewhere(bare, theirs, working) if name != HOME]
    return sorted(found)


def _guards(node: ast.AST) -> bool:
    calls = [item.context_expr for item in node.items] if isinstance(node, ast.With) else []
    return any(isinstance(call, ast.Call) and _name(call.func) in GUARDS for call in calls)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else _root(function)


def _imported(node: ast.AST) -> list[ast.alias]:
    """Return what a statement takes from the library."""
    ours = isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tokenizers"
    whole = [one for one in node.names if one.name.startswith("tokenizers")] if isinstance(node, ast.Import) else []
    return node.names if ours else whole


def _at_home(bare: list[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in bare:
        held = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "_raw"
        if held or (isinstance(node, ast.Call) and _root(node.func) == "Raw"):
            yield node.lineno, ast.unparse(node)


def _elsewhere(bare: list[ast.AST], theirs: set[str], working: set[str]) -> Iterator[tuple[int, str]]:
    for node in bare:
        if any(alias.name in ("Tokenizer", "tokenizers") for alias in _imported(node)):
            yield node.lineno, "imports a tokenizer"
        if isinstance(node, ast.Attribute):
            made = node.attr[0].isupper() or node.attr in HARMLESS
            if node.attr == "_raw" or node.attr in working or (_root(node) in theirs and not made):
                asked = ast.unparse(node)
                yield from [(node.lineno, asked)] if asked not in OTHER_CALLS else []


def _root(function: ast.expr) -> str:
    while isinstance(function, ast.Attribute):
        function = function.value
    return function.id if isinstance(function, ast.Name) else ""
