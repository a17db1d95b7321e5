"""Which lines of headstart each test runs, in every process that it starts: coverage, and the tests of a mutant.

    python benchmarks/executed_lines.py --work WORK [tests/statistics ...]

A copy of the tree is made under WORK; the compiled modules of the copy set one byte of a shared file for each
statement that runs, so that threads, forks, processes of their own and killed ones count. Python compares such a
compiled module (PEP 552, unchecked) with no source, and the lines of tracebacks stay what they are. For each test
WORK/lines.jsonl gets a line; a later run replaces what it repeats. At the end the share of lines by file is printed.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import marshal
import mmap
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_MODULE = "line_marks"
_MARKS = "import mmap\nwith open({path!r}, 'r+b') as file:\n    marks = mmap.mmap(file.fileno(), 0)\n"


def copy_tree(copy: Path) -> None:
    """Copy the tracked and the new files of the checkout, without compiled modules."""
    shutil.rmtree(copy, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0"):
        if name and (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def modules(copy: Path) -> dict[str, int]:
    """Return by path under src the place of its line 0 in the file of marks."""
    places, place = {}, 0
    for path in sorted((copy / "src/headstart").rglob("*.py")):
        places[str(path.relative_to(copy / "src"))] = place
        place += path.read_bytes().count(b"\n") + 2
    return places | {"": place}


def write_compiled(path: Path, tree: ast.Module) -> None:
    """Write what Python imports for a source file, whatever the source says."""
    made = Path(importlib.util.cache_from_source(str(path)))
    made.parent.mkdir(exist_ok=True)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    made.write_bytes(head + marshal.dumps(compile(tree, str(path), "exec")))


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = [] if isinstance(node, ast.Lambda | ast.IfExp) else vars(node).get(name, [])
            typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            if block and not (typing and name == "body"):
                yield block


def _counts(statement: ast.stmt) -> bool:
    """Whether a statement is more than a docstring, an ellipsis or an import that must stand first."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not constant and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")


def statements(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that can run."""
    return [one for block in _blocks(tree) for one in block if _counts(one)]


def instrument(path: Path, place: int) -> None:
    """Compile a file so that each statement says that it runs."""
    tree = ast.parse(path.read_bytes())
    for block in _blocks(tree):
        block[:] = [part for one in block for part in (*([_mark(place, one)] if _counts(one) else []), one)]
    marked = [number for number, one in enumerate(tree.body) if "_line_marks" in ast.dump(one)]
    if marked:
        tree.body.insert(marked[0], ast.parse(f"from {_MODULE} import marks as _line_marks").body[0])
    write_compiled(path, ast.fix_missing_locations(tree))


def _mark(place: int, statement: ast.stmt) -> ast.stmt:
    mark = ast.parse(f"_line_marks[{place + statement.lineno}] = 1").body[0]
    for node in ast.walk(mark):
        ast.copy_location(node, statement)
    return mark


class Recorder:
    """A plugin of pytest that appends to a file what each test ran: seconds, whether it passed, lines by module."""

    def __init__(self, work: Path, places: dict[str, int]) -> None:
        with (work / "marks").open("r+b") as file:
            self.marks = mmap.mmap(file.fileno(), 0)
        self.out = (work / "lines.jsonl").open("a", encoding="utf-8")
        self.owner = [(name, number - at) for name, at, number in _spans(places) for number in range(at, number)]
        self.fixtures: dict[object, set[int]] = {}
        self.process, self.passed = os.getpid(), True

    def taken(self) -> set[int]:
        """Return the places that were set, and clear them."""
        whole = self.marks[:]
        self.marks[:] = bytes(len(whole))
        return {place for place, mark in enumerate(whole) if mark}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        if fixturedef.scope == "function":
            yield
            return
        before = self.taken()
        yield
        self.fixtures[fixturedef] = self.taken()
        for place in before | self.fixtures[fixturedef]:
            self.marks[place] = 1

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        self.taken()
        begun, self.passed = time.monotonic(), True
        yield
        if os.getpid() != self.process:
            return
        found = self.taken()
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            found |= set().union(*(self.fixtures.get(one, set()) for one in definitions))
        self._write(item.nodeid, time.monotonic() - begun, found)

    def _write(self, test: str, seconds: float, found: set[int]) -> None:
        lines: dict[str, list[int]] = {}
        for place in sorted(found):
            name, line = self.owner[place]
            lines.setdefault(name, []).append(line)
        row = {"test": test, "seconds": seconds, "passed": self.passed, "lines": lines}
        self.out.write(json.dumps(row) + "\n")
        self.out.flush()

    def pytest_collection_finish(self, session):
        self._write(f"collecting {' '.join(session.config.args)}", 0.0, self.taken())

    def pytest_runtest_logreport(self, report):
        self.passed &= report.outcome == "passed"


def _spans(places: dict[str, int]) -> list[tuple[str, int, int]]:
    names = list(places)
    return [(name, places[name], places[after]) for name, after in pairwise(names)]


def main() -> None:
    """Record the given tests and print the share of lines that any recorded test ran."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--missing", nargs="*", default=[], help="modules whose lines that never ran are printed")
    options = parser.parse_args()
    work = options.work.resolve()
    copy = work / "recorded"
    if options.tests:
        copy_tree(copy)
        places = modules(copy)
        (work / "marks").write_bytes(bytes(places[""]))
        (copy / "src" / f"{_MODULE}.py").write_text(_MARKS.format(path=str(work / "marks")))
        for name, place in places.items():
            if name:
                instrument(copy / "src" / name, place)
        os.environ["PYTHONPATH"] = str(copy / "src")
        sys.path.insert(0, str(copy / "src"))
        os.chdir(copy)
        pytest.main(
            ["--rootdir=.", "-p", "no:xdist", "-p", "no:randomly", *options.tests], plugins=[Recorder(work, places)]
        )
    report(work, options.missing)


def executed(work: Path) -> dict[str, dict]:
    """Return the last record of each test."""
    rows = map(json.loads, (work / "lines.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["test"]: row for row in rows}


def report(work: Path, missing: list[str]) -> None:
    """Print the share by module, the least first, and of all."""
    ran: dict[str, set[int]] = {}
    for row in executed(work).values():
        for name, lines in row["lines"].items():
            ran.setdefault(name, set()).update(lines)
    shares = []
    for path in sorted((work / "recorded/src/headstart").rglob("*.py")):
        name = str(path.relative_to(work / "recorded/src"))
        lines = {one.lineno for one in statements(ast.parse(path.read_bytes()))}
        shares.append((len(lines & ran.get(name, set())), len(lines), name))
        if any(one in name for one in missing):
            print(f"{name}: never run {sorted(lines - ran.get(name, set()))}")
    for hit, of, name in sorted(shares, key=lambda one: one[0] / max(one[1], 1)):
        if hit < of:
            print(f"{hit / of:7.1%}  {hit:4}/{of:<4} {name}")
    hit, of = sum(one[0] for one in shares), sum(one[1] for one in shares)
    print(f"all: {hit:,} of {of:,} lines ({hit / of:.2%})")


if __name__ == "__main__":
    main()
