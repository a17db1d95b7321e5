"""The rules of the house: each is a function from a source tree to one line per violation.

`python tests/support/house.py src/headstart` prints all of them, by the standard library alone. The rules on code read
the package's folder, the rules on names the checkout around it, tests and documents included.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "headstart"
FLOORS = [
    ["core"],
    ["nn", "text", "images", "metrics", "interop"],
    ["networks", "data", "processors", "statistics"],
    ["backbones", "objectives", "heads", "tasks", "training"],
    ["vectors", "language_models", "sizing"],
    ["fitting"],
    ["prompting", "exporting"],
    ["routes", "strategies"],
    ["auditing", "comparing", "estimators", "exports", "inspection"],
    ["labelling", "reporting", "recipes"],
    ["commands"],
]
LEVEL = {package: number for number, packages in enumerate(FLOORS) for package in packages}
FILE_LINES, FUNCTION_LINES, PARAMETERS = 400, 60, 8

# Objects that are not ours, so that no contract can declare what they have: (file, what is asked) -> why.
FOREIGN = {
    ("commands/app.py", "result.summary"): "a verb may return anything, the program prints what has a summary",
    ("commands/app.py", "result.exit_code"): "likewise",
    ("core/device.py", "os.sched_getaffinity"): "Linux alone has it",
    ("core/time_limit.py", "signal.setitimer"): "Windows has none",
    ("backbones/hf.py", "config.type_vocab_size"): "a config of transformers",
    ("backbones/hf.py", "model.config.max_position_embeddings"): "a config of transformers",
    ("backbones/hf.py", "out.pooler_output"): "an output of transformers",
    ("images/decode.py", "opened.is_animated"): "an image of Pillow, if its format has frames",
    ("estimators/inputs.py", "estimator[name]"): "scikit-learn sets n_features_in_ and feature_names_in_, or not",
    ("estimators/inputs.py", "X.columns"): "whatever scikit-learn's users pass as X",
    ("estimators/inputs.py", "X.ndim"): "whatever scikit-learn's users pass as X",
    ("estimators/inputs.py", "X.tocsr"): "whatever scikit-learn's users pass as X",
    ("data/in_memory.py", "values.to_pylist"): "an array or a table of pyarrow, which need not be imported",
    ("data/in_memory.py", "values.to_list"): "a column of pandas or polars, which need not be there",
    ("data/in_memory.py", "values.columns"): "a table of pyarrow, pandas or polars",
    ("data/in_memory.py", "values.dtype"): "an array",
    ("data/in_memory.py", "values.tocsr"): "a sparse matrix of scipy",
}

# `open` is what pathlib calls it, `eval` and `compile` what torch does, a slice is a part of the test rows; the rest is
# put into builtins by the module site.
NO_CLASH = {"open", "eval", "compile", "slice", "help", "exit", "quit", "copyright", "credits", "license"}
BUILTINS = {name for name in dir(builtins) if name.islower() and not name.startswith("_")} - NO_CLASH

# Files that speak of old names by trade.
HISTORY = re.compile(
    r"core/migration\.py|tests/.*migration.*|tests/data/format_1/|tests/support/house\.py|tests/conformance/test_house\.py"
)
# Old name (a pattern from the beginning of a word on) -> new name. Common words count where they were a name only.
OLD_NAMES = {
    r"import Artefact\b|training\.artefact|artefact_or_task|pre-?trained artefact": "PretrainedModel, pretrained model",
    r"types_N\b": "segment_ids_N",
    r"(owner|lengths)_R\b": "owner_P, cost_P",
    r"LabelledRows\b": "LabelledPieces",
    r"frame_rows\b": "encode_examples",
    r"frame_for\b": "encode_for_head",
    r"framed(?=[=:\"'`])": "add_special_tokens",
    r"batches\.window\b|Batching\([^)]*\bwindow=|(base|pretrained)\.window\b": "max_length",
    r"(batches\.|receipt\.)?continuous(=|(?<=\.continuous)\b)": "stateful",
    r"(ShardBatches|ContinuousBatches)\b": "DocumentBatches, StatefulBatches",
    r"(Shards|write_shards|ensure_shards)\b": "TokenStore, write_store, ensure_store",
    r"(objective|mlm|span|rtd|hybrid)\.rate(_end)?\b": "mask_ratio, mask_ratio_end",
    r"training\.rate\b|(usual_rate|choose_rate|head_rate|rate_embeddings|rate_factor)\b": "learning_rate, ...",
    r"usual_(template|objective|shots)\b|usual(=(?!=)|(?<=\w\.usual)\b|(?<=`usual)`)": "default, ...",
    r"plan\(facts": "resolve",
    r"TokenizerSpec\b|tokenizer\.(kind|vocabulary|lower|characters|sentinels|phrases)=": "ProcessorSpec, processor.",
    r"_?Asked\b(?=[:(\].|]| \|)|Given\b(?=[:(\].|]| \|)|import .*\b(Asked|Given)\b": "ReadRequest, CompareInputs",
    r"Craft\b(?=[(.\]:])|import .*\bCraft\b": "Regularisation",
    r"def gather\(self, asked|gather\(asked": "read_examples",
    r"def (judged|written|plain)\(self, (model|answers?|found)": "metric_inputs, predictions_json, to_json",
    r"def (answers|scores)\(self, examples|scores\(examples\)": "predict, predict_proba",
    r"reads\b.{0,30}[\"`](both|left|apart|source)[\"`]|both, left, apart\b": "bidirectional, causal, ...",
}
_SOURCES = ("src/**/*.py", "tests/**/*.py", "benchmarks/**/*.py")
_DOCUMENTS = ("docs/cli.md", "docs/audit.md", "docs/recipes/*.md", "README*", "CONTRIBUTING.md")


@cache
def _nodes(text: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(text)))


def _sources(root: Path) -> list[Path]:
    """Return the source files of the package; those of `standalone` leave it as they are and import nothing of it."""
    return [path for path in sorted(root.rglob("*.py")) if "standalone" not in path.relative_to(root).parts]


def _files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (path relative to the package, text) of every source file."""
    for path in _sources(root):
        yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def _functions(root: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file, text in _files(root):
        for node in _nodes(text):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file, node


def _dotted(file: str) -> str:
    """Return the module's name: core/seeds.py is headstart.core.seeds, core/__init__.py is headstart.core."""
    parts = [PACKAGE, *file.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: str, text: str, modules: set[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of everything of ours that a file imports, wherever: in functions, for types, by a string.

    `from headstart.core import seeds` is an import of headstart.core.seeds. A string is an import when all of it is a
    module's name: import_module("headstart.core.seeds"), f"headstart.routes.{name}". The package's own __init__ is
    left out: its lazy names are what users import.
    """
    for node in _nodes(text):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            found = [f"{name}.{alias.name}" for alias in node.names]
            found = [one if one in modules or name == PACKAGE else name for one in found]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and file != "__init__.py":
            name = node.value.rstrip(".")
            found = [name] if name in modules and name != PACKAGE else []
        else:
            continue
        for name in dict.fromkeys(found):
            if name.split(".")[0] in (PACKAGE, ""):
                yield node.lineno, name


def violations_rooms(root: Path) -> list[str]:
    """Every package has a floor, every folder is a package (one without __init__.py is left out of a distribution)."""
    found = []
    for folder in sorted({parent for path in _sources(root) for parent in path.relative_to(root).parents}):
        if not (root / folder / "__init__.py").is_file():
            found.append(f"{folder.as_posix()}/ has no __init__.py")
        if len(folder.parts) == 1 and folder.name not in LEVEL:
            found.append(f"{folder.name}/ has no floor")
    stray = {path.name for path in root.glob("*.py")} - {"__init__.py", "__main__.py"}
    return found + [f"{name} lies on no floor" for name in sorted(stray)]


def violations_floors(root: Path) -> list[str]:
    """Imports only go down and packages of one floor never see each other; also inside functions and for types only."""
    files, found = dict(_files(root)), []
    modules = {_dotted(file) for file in files}
    for file, text in files.items():
        own = file.split("/")[0]
        if own == file:
            continue  # __init__ and __main__ stand above all floors
        for line, name in _imports(file, text, modules):
            other = name.split(".")[1] if "." in name else ""
            if name.startswith("."):
                found.append(f"{file}:{line} imports {name}: write the whole name")
            elif other == "__version__" or (not other and own == FLOORS[-1][0]):
                continue
            elif other not in LEVEL or name not in modules:
                found.append(f"{file}:{line} imports {name}: no module of a floor")
            elif other != own and LEVEL[other] >= LEVEL.get(own, -1):
                found.append(f"{file}:{line} imports {name}, which is not below")
    return found


def violations_circles(root: Path) -> list[str]:
    """No module imports itself through others: inside one package too, in functions and for types only as well."""
    files = dict(_files(root))
    modules = {_dotted(file): file for file in files}
    edges: dict[str, dict[str, int]] = {}
    for name, file in modules.items():
        edges[name] = {other: line for line, other in _imports(file, files[file], set(modules)) if other in modules}
    found = []
    for circle in _components(edges):
        if len(circle) > 1 or circle[0] in edges[circle[0]]:
            arrows = [
                f"{modules[one]}:{edges[one][other]} -> {modules[other]}"
                for one in sorted(circle)
                for other in sorted(edges[one])
                if other in circle
            ]
            found.append("circle: " + "; ".join(arrows))
    return sorted(found)


def _components(edges: dict[str, dict[str, int]]) -> list[list[str]]:
    """Return the strongly connected components of a graph (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in edges[node]:
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            place = stack.index(node)
            found.append(stack[place:])
            del stack[place:]

    for node in edges:
        if node not in number:
            visit(node)
    return found


def axis_folders(root: Path) -> dict[str, str]:
    """Return axis -> folder as core/registry.py has it, read as text."""
    for node in _nodes((root / "core/registry.py").read_text(encoding="utf-8")):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if [getattr(target, "id", "") for target in targets] == ["FOLDERS"]:
            return ast.literal_eval(node.value)
    raise AssertionError("core/registry.py: no FOLDERS")


def is_choice(axis: str, text: str) -> bool:
    """Return whether a file with this text is one choice of the axis: the registry's rule, see test_house.py."""
    return len(re.findall(rf"^class \w+\((?:\w+, )*{axis.capitalize()}Spec\)", text, re.MULTILINE)) == 1


def violations_axes(root: Path) -> list[str]:
    """The folder of an axis holds its choices and nothing else: no helper file, no folder, no data."""
    found = []
    for axis, folder in axis_folders(root).items():
        for path in sorted((root / folder).iterdir()):
            if path.name in ("__init__.py", "__pycache__"):
                continue
            if path.suffix != ".py" or not is_choice(axis, path.read_text(encoding="utf-8")):
                found.append(f"{folder}/{path.name} is not one choice of the axis {axis}")
    return found


def violations_long_files(root: Path) -> list[str]:
    """No source file has more than 400 lines."""
    counts = {file: len(text.splitlines()) for file, text in _files(root)}
    return [f"{file} has {count} lines" for file, count in counts.items() if count > FILE_LINES]


def violations_long_functions(root: Path) -> list[str]:
    """No function has more than 60 lines after its signature: a command's signature is its table of options."""
    found = []
    for file, node in _functions(root):
        count = node.end_lineno - node.body[0].lineno + 1
        if count > FUNCTION_LINES:
            found.append(f"{file}:{node.lineno} {node.name} has {count} lines")
    return found


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    several = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several]


def violations_parameters(root: Path) -> list[str]:
    """No function has more than 8 parameters besides self; verbs have the options they have. Specs are dataclasses."""
    found = []
    for file, node in _functions(root):
        folder, _, name = file.removesuffix(".py").partition("/")
        if folder == "commands" and node.name in (name, "list_choices", "next_rows"):
            continue
        count = sum(one.arg not in ("self", "cls") for one in _parameters(node.args))
        if count > PARAMETERS:
            found.append(f"{file}:{node.lineno} {node.name} has {count} parameters")
    return found


def _asked(node: ast.AST) -> str | None:
    """Return `x.name` when the node asks whether x has that attribute, `x[name]` when the name is computed."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    if node.func.id != "hasattr" and (node.func.id != "getattr" or len(node.args) != 3):
        return None
    thing, name = ast.unparse(node.args[0]), node.args[1]
    return f"{thing}.{name.value}" if isinstance(name, ast.Constant) else f"{thing}[{ast.unparse(name)}]"


def violations_probing(root: Path) -> list[str]:
    """Nobody asks by hasattr, or getattr with a default, whether a part of ours has something: contracts declare it."""
    return [
        f"{file}:{node.lineno} asks for {asked}"
        for file, text in _files(root)
        for node in _nodes(text)
        if (asked := _asked(node)) is not None and (file, asked) not in FOREIGN
    ]


def unused_allowances(root: Path) -> list[str]:
    """Return what FOREIGN allows and nobody asks any more."""
    asked = {(file, _asked(node)) for file, text in _files(root) for node in _nodes(text)}
    return [f"{file}: {what}" for file, what in FOREIGN if (file, what) not in asked]


def violations_builtins(root: Path) -> list[str]:
    """No parameter, function, method or field of a class is called like a builtin; a TypedDict names keys of files."""
    found = []
    for file, text in _files(root):
        for node in _nodes(text):
            named: list[tuple[int, str]] = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named = [(node.lineno, node.name)]
            elif isinstance(node, ast.arguments):
                named = [(one.lineno, one.arg) for one in _parameters(node)]
            elif isinstance(node, ast.ClassDef) and "TypedDict" not in map(ast.unparse, node.bases):
                fields = [one.target for one in node.body if isinstance(one, ast.AnnAssign)]
                named = [(one.lineno, one.id) for one in fields if isinstance(one, ast.Name)]
            found += [f"{file}:{line} is called {name}" for line, name in named if name in BUILTINS]
    return found


def _texts(checkout: Path, *patterns: str) -> Iterator[tuple[str, str]]:
    for path in sorted({path for pattern in patterns for path in checkout.glob(pattern)}):
        name = path.relative_to(checkout).as_posix()
        if not HISTORY.search(name):
            yield name, path.read_text(encoding="utf-8")


def _places(name: str, text: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    for match in pattern.finditer(text):
        yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}", match


def violations_old_names(checkout: Path) -> list[str]:
    """Names that were given up occur in no source, test or document; decisions.md and log.md are history."""
    patterns = {re.compile(old): new for old, new in OLD_NAMES.items()}
    every = re.compile(rf"\b(?:{'|'.join(OLD_NAMES)})")  # one pass over each text
    found = []
    for name, text in _texts(checkout, *_SOURCES, *_DOCUMENTS):
        for place, match in _places(name, text, every):
            new = next(new for old, new in patterns.items() if old.match(text, match.start()))
            found.append(f"{place} says {match[0]} (now: {new})")
    return found


def violations_lost_names(checkout: Path) -> list[str]:
    """Modules and files that are named somewhere exist: dotted names everywhere, files in sources and documents."""
    root = checkout / "src" / PACKAGE
    modules = {_dotted(file) for file, _ in _files(root)}
    every = [path for pattern in (*_SOURCES, "docs/*.py") for path in checkout.glob(pattern)]
    files = "".join(f"/{path.relative_to(checkout).as_posix()}\n" for path in every)
    free = {*axis_folders(root), "json"}  # groups of entry points, headstart.json
    dotted, path = (
        re.compile(rf"\b{PACKAGE}\.([a-z]\w*)(?:\.([a-z]\w*))?"),
        re.compile(r"(?<![\w/.*-])(?!utils)[\w/]+\.py\b"),
    )
    public = set(re.findall(r'^    "(\w+)": "', (root / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE))
    found = []
    for name, text in _texts(checkout, *_SOURCES, *_DOCUMENTS):
        for place, match in _places(name, text, dotted):
            known = match[1] in free | public or f"{PACKAGE}.{match[1]}" in modules
            if not known or (match[2] and match[1] in LEVEL and f"{PACKAGE}.{match[1]}.{match[2]}" not in modules):
                found.append(f"{place} names {match[0]}, which is not there")
        if not name.startswith("tests/"):
            named = [(place, match[0]) for place, match in _places(name, text, path)]
            found += [f"{place} names {file}, which is not there" for place, file in named if f"/{file}\n" not in files]
    return found


CODE: dict[str, Callable[[Path], list[str]]] = {
    "rooms": violations_rooms,
    "floors": violations_floors,
    "circles": violations_circles,
    "axes": violations_axes,
    "long_files": violations_long_files,
    "long_functions": violations_long_functions,
    "parameters": violations_parameters,
    "probing": violations_probing,
    "builtins": violations_builtins,
}
NAMES: dict[str, Callable[[Path], list[str]]] = {
    "old_names": violations_old_names,
    "lost_names": violations_lost_names,
}


def main() -> None:
    """Print every violation of the tree that is given, by rule; exit with 1 if there is one."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else f"src/{PACKAGE}").resolve()
    root = root if (root / "core/registry.py").is_file() else root / "src" / PACKAGE
    if not (root / "core/registry.py").is_file():
        sys.exit(f"{root}: no {PACKAGE}/core/registry.py (give src/{PACKAGE} or the checkout)")
    found = {name: check(root) for name, check in CODE.items()}
    found |= {name: check(root.parents[1]) for name, check in NAMES.items()}
    found["unused_allowances"] = unused_allowances(root)
    for name, lines in found.items():
        print(f"== {name}: {len(lines)}", *lines, sep="\n")
    sys.exit(any(found.values()))


if __name__ == "__main__":
    main()
