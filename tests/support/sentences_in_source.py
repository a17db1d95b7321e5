"""Collects every English sentence that the package can say, as its template (see `core/sentence_catalogue.py`).

`python tests/support/sentences_in_source.py` prints those that have no Korean, one line each, ready to be translated.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Files whose texts are no messages, and why.
SILENT_FILES = {
    "core/migration.py": "names of old formats",
    "core/setting_lines.py": "meanings of settings, in settings.toml",
    "reporting/report_schema.py": "the schema of report.json is English",
    "reporting/schema_words.py": "the schema of report.json is English",
    "reporting/svg.py": "drawing",
    "prompting/prompts.py": "prompts are words for a model",
    "exporting/card.py": "the model card is English, as hubs read it",
}
# Functions whose arguments are no messages, and why.
SILENT_CALLS = {
    "Reason": "its Korean stands in [reasons], by its code (test_reasons.py)",
    "key": "part of a random seed",
    "numpy_generator": "part of a random seed",
    "choice_by_hash": "part of a random seed",
    "compile": "a regular expression",
    "match": "a regular expression",
    "search": "a regular expression",
    "fullmatch": "a regular expression",
    "findall": "a regular expression",
    "split": "a pattern",
    "sub": "a regular expression",
    "finditer": "a regular expression",
    "startswith": "asked of a text",
    "endswith": "asked of a text",
    "NotImplementedError": "a fault of the program",
    "AssertionError": "a fault of the program",
    "AttributeError": "a fault of the caller's program",
    "cast": "a type",
    "TypeVar": "a type",
}
# Texts that look like messages and are none, and why.
SILENT = {
    "majority,pixels_logreg,hog_svm,nearest_mean,probe,knn,joined,scratch": "names",
    "import {0}": "a program",
    "names of files, or what is in memory": "help() of Python, which is English",
    "dict | None": "help() of Python, which is English",
    "by name, {'mask_ratio': 0.3} or {'objective.mask_ratio': 0.3}": "help() of Python, which is English",
    "headstart predict {0} FILE": "a command",
    "headstart: {0}": "the name of the program",
    "can't allocate memory": "what torch says",
    "not enough memory": "what torch says",
    "out of memory": "what torch says",
    "timed out": "what torch says of a lost connection",
    "cpu:gloo,cuda:nccl": "names of torch's backends",
    "route or setting": "a word, in words.toml",
    "normal form": "a word, in words.toml",
    "Swedish or Finnish": "a word, in words.toml",
    "Danish or Norwegian": "a word, in words.toml",
    "Croatian or Slovene": "a word, in words.toml",
    "{0} {1} of {2}": "in brackets of other messages",
    "{0} of {1}": "in brackets of other messages",
    "what members learned": "part of a random seed",
    "image shapes": "name of what is kept",
    "images in the pool": "name of what is kept",
    "image columns": "name of what is kept",
    "image vectors": "name of what is kept",
    "unlabelled documents": "name of what is kept",
    "documents of the transform": "name of what is kept",
    "word dropout": "part of a random seed",
    "cotrain items": "part of a random seed",
    "cotrain second view": "part of a random seed",
    "model_type in {0}:": "a line of a model file",
    "from transformers import Auto{0}, Auto{1}": "a program, on the model card",
    'model = Auto{0}.from_pretrained("FOLDER"{1})': "a program, on the model card",
    'reader = Auto{0}.from_pretrained("FOLDER"{1})': "a program, on the model card",
    '["a text", "another"]': "a program, on the model card",
    '{0}, ["its second text", "and its"]': "a program, on the model card",
    "import sys": "a program, on the model card",
    "from onnx_model import OnnxModel": "a program, on the model card",
    'model = OnnxModel("FOLDER")': "a program, on the model card",
    "answers = model({0})  # arrays by name": "a program, on the model card",
    "from peft import PeftModel": "a program, on the model card",
    "from transformers import AutoModel, AutoTokenizer": "a program, on the model card",
    'base = AutoModel.from_pretrained("FOLDER/{0}")': "a program, on the model card",
    'model = PeftModel.from_pretrained(base, "FOLDER")': "a program, on the model card",
    'tokenizer = AutoTokenizer.from_pretrained("FOLDER/{0}")': "a program, on the model card",
    "from sentence_transformers import SentenceTransformer": "a program, on the model card",
    'model = SentenceTransformer("FOLDER"{0})': "a program, on the model card",
    'vectors = model.encode(["a text", "another"])': "a program, on the model card",
    "headstart {0}": "a line of a model file",
    "step {0} follows no linear layer": "a fault of the program",
    "The number of unique classes": "the beginning of a warning of scikit-learn, which is silenced",
    "workspace {0}": "fields of report.json on the page",
    "split {0}": "fields of report.json on the page",
}
_PATTERN = re.compile(r"\\[.bds]|\(\w+\|\w|\w\|\(")  # what only a regular expression holds
_FIELD = re.compile(r"\{\d+\}")
_WORD = re.compile(r"(?<![\w.\-/=<>{:_%\\'\"])[A-Za-z][a-z']+(?![\w\-/=<>}_(\\]|\.\w)")


@dataclass(frozen=True)
class Written:
    """A sentence in the source.

    optional: the numbers of fields that a translation may leave out, such as `s`; numbers: of those that are written
    as numbers, which a translation takes as `{0:number}`.
    """

    place: str
    template: str
    optional: frozenset[int] = frozenset()
    numbers: frozenset[int] = frozenset()


def written_sentences(root: Path) -> list[Written]:
    """Return all sentences of the package, in the order of files and lines."""
    return [one for path in sorted(root.rglob("*.py")) for one in in_file(path, root)]


def in_file(path: Path, root: Path) -> Iterator[Written]:
    """Return the sentences of one file."""
    if path.relative_to(root).as_posix() not in SILENT_FILES:
        yield from (one for one in _all(path, root) if one.template not in SILENT)


def silent_templates(path: Path) -> set[str]:
    """Return the texts of a file that are no messages, see `SILENT`."""
    return {one.template for one in _all(path, path.parent) if one.template in SILENT}


def _all(path: Path, root: Path) -> Iterator[Written]:
    name = path.relative_to(root).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = set(map(id, _docstrings(tree))) | set(map(id, _annotations(tree)))
    for node in _texts(tree, silent):
        pieces = _pieces(node)
        yield from _lines(f"{name}:{node.lineno}", pieces)
    if name.startswith("commands/"):
        yield from _parameters(tree, name)


def _lines(place: str, pieces: list[str | ast.expr]) -> Iterator[Written]:
    """Return a sentence for every line of a text."""
    lines: list[list[str | ast.expr]] = [[]]
    for piece in pieces:
        first, *others = piece.split("\n") if isinstance(piece, str) else [piece]
        lines[-1].append(first)
        lines += [[other] for other in others]
    for line in lines:
        fields = [one for one in line if not isinstance(one, str)]
        numbers = iter(range(len(fields)))
        template = "".join(one if isinstance(one, str) else f"{{{next(numbers)}}}" for one in line).strip()
        if is_sentence(template) and not _PATTERN.search(template):
            grammar, numbers = ({i for i, one in enumerate(fields) if rule(one)} for rule in (_grammar, _number))
            yield Written(place, template, frozenset(grammar), frozenset(numbers))


def is_sentence(template: str) -> bool:
    """Whether a text has to be translated: two English words, or one beside a field."""
    words = _WORD.findall(_FIELD.sub(" ", template))
    return len(words) >= 2 or (len(words) == 1 and " " in template)


def _number(field: ast.expr) -> bool:
    """Whether a field is written as a number: `{count:,}`, `{share:.1f}`, `{len(rows)}`."""
    if not isinstance(field, ast.FormattedValue):
        return False
    if isinstance(field.value, ast.Call) and isinstance(field.value.func, ast.Name) and field.value.func.id == "len":
        return True
    spec = field.format_spec
    return spec is not None and bool(re.search(r"(,|\.\d[efg]?|[defg])$", ast.unparse(spec)[2:-1]))


def _grammar(field: ast.expr) -> bool:
    """Whether a field is a matter of English grammar: `s` or nothing, `is` or `are`."""
    inner = field.value if isinstance(field, ast.FormattedValue) else field
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mult):  # `"s" * (count != 1)`
        inner = ast.IfExp(ast.Constant(True), inner.left, ast.Constant(""))
    if not isinstance(inner, ast.IfExp):
        return False
    return all(
        isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) <= 4
        for one in (inner.body, inner.orelse)
    )


def _texts(node: ast.AST, silent: set[int]) -> Iterator[ast.expr]:
    """Return the texts below a node; of a text that is put together the whole, and what its fields hold."""
    if id(node) in silent or (isinstance(node, ast.Call) and _called(node) in SILENT_CALLS):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
        return
    if isinstance(node, ast.JoinedStr | ast.BinOp) and any(isinstance(one, str) for one in _pieces(node)):
        yield node
        for piece in _pieces(node):
            if isinstance(piece, ast.FormattedValue):
                yield from _texts(piece.value, silent)
            elif isinstance(piece, ast.AST):
                yield from _texts(piece, silent)
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, silent)


def _pieces(node: ast.expr) -> list[str | ast.expr]:
    """Return what a text is put together of: strings and fields."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [one.value if isinstance(one, ast.Constant) else one for one in node.values]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = [*_pieces(node.left), *_pieces(node.right)]
        if any(isinstance(one, str) for one in both):
            return both
    return [node]


def _called(node: ast.Call) -> str:
    name = node.func
    return name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else ""


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for one in node.body:
                if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                    yield one.value


def _annotations(tree: ast.AST) -> Iterator[ast.AST]:
    """Return the names of types that are written as texts, not what an `Annotated` says of an option."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            yield node


def _parameters(tree: ast.AST, name: str) -> Iterator[Written]:
    """Return what the docstring of a verb says of its parameters, which `--help` prints."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and "\n----------" in (told := ast.get_docstring(node) or ""):
            for line in told.partition("\n----------")[2].splitlines():
                if line.startswith("    "):
                    yield Written(f"{name}:{node.lineno}", line.strip())


def korean(root: Path) -> dict[str, str]:
    """Return the Korean of all sentences, from all files of the catalogue."""
    told: dict[str, str] = {}
    for file in sorted((root / "core/catalogue/ko").glob("*.toml")):
        told |= tomllib.loads(file.read_text(encoding="utf-8"))
    return told


if __name__ == "__main__":
    package = Path(__file__).parents[2] / "src" / "headstart"
    known, shown = korean(package), set()
    for one in written_sentences(package):
        if one.template not in known and one.template not in shown:
            shown.add(one.template)
            print(f"{one.place}\t{one.template}", file=sys.stdout)
