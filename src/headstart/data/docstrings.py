"""The docstring data set: paragraphs of docstrings of the installed Python packages, labelled by package.

Documents are prose paragraphs; code, prompts, tables and headings are left out, duplicates are kept once. In the
labelled part the name of the package is masked, and the paragraphs of one file are on one side of the split.
"""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from itertools import islice
from pathlib import Path

from headstart.core.errors import HeadstartError
from headstart.core.seeds import numpy_generator

_MOST_FILES = 700  # files per package, evenly spread over the sorted names, to bound the time
_MOST_BYTES = 400_000  # bytes of a file
_LEFT_OUT = {"test", "tests", "testing", "_vendor", "idlelib", "lib2to3", "site-packages"}  # folders
_CODE = re.compile(r"^\s*(>>>|\.\.\.|[-=~^`+*#|]{3,}|:\w|\.\. |@|\||\$ )|[{}]|\w\(\)|==|->|\s{4,}\S+\s{3,}")
_STRING = re.compile(
    r"#[^\n]*"
    r'|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'",
    re.DOTALL,
)
_TRIPLE = ('"""', "'''")
_PREFIXES = ("", "r", "R", "u", "U")
_CONTINUES = tuple("([{,=+%\\\"'")  # before a string that is no statement
_WORD = re.compile(r"[^\W\d_]{2,}")
_TEST_SHARE = 0.3


@dataclass(frozen=True)
class Paragraph:
    """text; package: top-level package (`python` for the standard library); file: package-relative path."""

    text: str
    package: str
    file: str


def packages() -> dict[str, list[Path]]:
    """Return {package: its Python files}, from site-packages and the standard library, tests left out."""
    found = {name: _python_files(folder) for name, folder in _folders().items()}
    return {name: files for name, files in found.items() if files}


def first_paragraphs(each: int) -> Iterator[Paragraph]:
    """Yield up to `each` paragraphs of every package, by name; a package is looked through when it is its turn."""
    for name, folder in sorted(_folders().items()):
        yield from islice(paragraphs(name, _python_files(folder)), each)


def _folders() -> dict[str, Path]:
    """Return {package: its folder}."""
    roots = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    inside = [p for root in sorted(roots) for p in sorted(root.iterdir()) if (p / "__init__.py").is_file()]
    return {**{folder.name: folder for folder in inside}, "python": Path(sysconfig.get_path("stdlib")).resolve()}


def _python_files(folder: Path) -> list[Path]:
    files = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        files += [Path(place, name) for name in names if name.endswith(".py")]
    step = max(1, -(-len(files) // _MOST_FILES))
    return sorted(files)[::step]


def paragraphs(package: str, files: list[Path]) -> Iterator[Paragraph]:
    """Yield the prose paragraphs of a package's docstrings, at least 6 words each."""
    for path in files:
        if path.stat().st_size > _MOST_BYTES:
            continue
        try:
            source = path.read_text(encoding="utf-8")
        except (ValueError, OSError):
            continue  # not UTF-8
        for docstring in _docstrings(source):
            for text in _prose(docstring):
                yield Paragraph(text, package, f"{package}/{path.stem}/{path.parent.name}")


def _docstrings(source: str) -> Iterator[str]:
    """Yield the triple-quoted strings that are statements.

    A regular expression takes a tenth of the time of `ast.parse` over 6,000 files.
    """
    for match in _STRING.finditer(source):
        token = match.group()
        if token[:3] not in _TRIPLE:
            continue
        before = source[max(0, match.start() - 300) : match.start()]
        line = before.rpartition("\n")[2].strip()
        if line not in _PREFIXES or before[: len(before.rstrip()) - len(line)].rstrip().endswith(_CONTINUES):
            continue
        yield cleandoc(token[3:-3] if line or "\\" not in token else _unescaped(token))


def _unescaped(token: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escape sequences in installed packages
            return ast.literal_eval(token)
    except (SyntaxError, ValueError):
        return token[3:-3]


def _prose(docstring: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", docstring):
        if any(_CODE.search(line) for line in block.splitlines()):
            continue
        text = " ".join(block.split())
        if 6 <= len(_WORD.findall(text)) <= 200:
            yield text


@dataclass(frozen=True)
class DocstringTask:
    """corpus: unlabelled paragraphs (none of the test part); train, test: (text, label) rows; classes: packages."""

    corpus: list[str]
    train: list[tuple[str, str]]
    test: list[tuple[str, str]]
    classes: list[str]


def docstring_task(classes: int = 6, rows_per_class: int = 1_500, seed: int = 0) -> DocstringTask:
    """Collect the paragraphs of this environment and build the task 'which package is this from?'.

    The classes are the packages with the most paragraphs; a class gives the same number of rows as the smallest of them
    allows. Raises HeadstartError when fewer than two packages have 200 paragraphs.
    """
    seen: set[str] = set()
    by_package: dict[str, list[Paragraph]] = defaultdict(list)
    for package, files in packages().items():
        for paragraph in paragraphs(package, files):
            key = "".join(_WORD.findall(paragraph.text.lower()))
            if key not in seen:
                seen.add(key)
                by_package[package].append(paragraph)
    sizes = Counter({name: len(found) for name, found in by_package.items()})
    chosen = sorted(name for name, size in sizes.most_common(classes) if size >= 200)
    if len(chosen) < 2:
        raise HeadstartError(
            "this environment has too little documentation for the demo (two packages with 200 paragraphs)"
        )
    train, test, hidden = [], [], set()
    for name in chosen:
        random = numpy_generator(seed, "docstrings", name)
        files = sorted({p.file for p in by_package[name]})
        in_test = {files[i] for i in random.permutation(len(files))[: round(_TEST_SHARE * len(files))]}
        order = random.permutation(len(by_package[name]))
        rows = [by_package[name][i] for i in order]
        test_rows = [p for p in rows if p.file in in_test]
        hidden |= {p.text for p in test_rows}
        train += [(_masked(p.text, name), name) for p in rows if p.file not in in_test][:rows_per_class]
        test += [(_masked(p.text, name), name) for p in test_rows][: rows_per_class // 3]
    corpus = [p.text for found in by_package.values() for p in found if p.text not in hidden]
    order = numpy_generator(seed, "docstrings corpus").permutation(len(corpus))
    return DocstringTask([corpus[i] for i in order], train, test, chosen)


def _masked(text: str, package: str) -> str:
    """Replace the name of the package in its own text, which would reveal the class."""
    return re.sub(
        rf"\b{re.escape(package)}\w*\b|\b{re.escape(package.removeprefix('scikit-'))}\b", "it", text, flags=re.I
    )
