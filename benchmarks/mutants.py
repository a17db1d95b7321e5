"""Bar T4: of a random sample of small faults in chosen modules, the tests find at least 90 %.

    python benchmarks/executed_lines.py --work WORK tests
    python benchmarks/mutants.py --work WORK --count 300 --seed 1

A mutant is a module with one fault (mutation_operators.py). It gets tests that run the line: those of the module's own
test file, of its folder and the quickest first, then the few that run most of the module, until one fails or --seconds
are used up; a constant gets tests that run lines which use it, what else is outside of functions tests that run any
line of the module. One process has imported everything and collected the tests; it forks for each mutant, and the fork
takes up the changed function, constant of the module or field of a class. A test that fails must pass without the
fault. A fault in a line that no test runs survives. What became of each is in WORK/mutants-SEED.jsonl.
"""

from __future__ import annotations

import argparse
import ast
import collections
import gc
import importlib
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from executed_lines import ROOT, copy_tree, executed
from mutation_operators import Fault, faults, planted

MODULES = (
    "core/files.py",
    "core/manifest.py",
    "training/checkpoint.py",
    "training/loop.py",
    "training/kept_buffers.py",
    "training/metrics_file.py",
    "data/readers/*.py",
    "data/archives.py",
    "data/arrow_tables.py",
    "data/columns.py",
    "data/corpus.py",
    "data/dialect.py",
    "data/encodings.py",
    "data/ledger.py",
    "data/line_blocks.py",
    "data/open.py",
    "data/records.py",
    "data/recorded.py",
    "data/row.py",
    "data/single_bytes.py",
    "data/store.py",
    "data/streams.py",
    "data/token_store.py",
    "statistics/*.py",
)
_OPTIONS = ["--rootdir=.", "-p", "no:xdist", "-p", "no:randomly", "-Wignore:Module already", "--hypothesis-seed=0"]
_QUICK, _THOROUGH, _MOST = 40, 4, 120  # tests of a mutant: the quickest, those that run most of its module, all
# Tests of whole programs, which share costly fixtures or start processes: they could only find more.
_LEFT_OUT = ("tests/commands/", "tests/crash/", "tests/docs/", "ranks", "workers", "tests/exports/", "tests/equality/")
_LEAST_SECONDS = 12  # of the processor, for fixtures that tests share
_MEMORY = 12 * 2**30  # a loop that was to end fills the memory
_FOUND = ("killed", "late")


class Mutant:
    """A fault in a module, and what runs it. outermost: the fault is outside of functions; it acts at import."""

    def __init__(self, copy: Path, module: str, fault: Fault, tests: Callable[[str, set[int]], list[dict]]) -> None:
        self.module, self.fault, self.path = module, fault, copy / "src/headstart" / module
        self.name = "headstart." + module.removesuffix(".py").replace("/", ".")
        tree = ast.parse(self.path.read_bytes())
        inside = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and _holds(one, fault.line)]
        self.outermost = not any(
            isinstance(one, ast.FunctionDef) and one.body[0].lineno <= fault.line for one in inside
        )
        line = max((one.lineno for one in inside), default=fault.line)  # of the innermost statement: it is recorded
        self.rows = tests(module, _uses(tree, inside[0]) if self.outermost and inside else {line})
        self.broken = planted(tree, fault)
        self.statement = next(
            new for old, new in zip(tree.body, self.broken.body, strict=True) if _holds(old, fault.line)
        )

    @property
    def tests(self) -> list[str]:
        """The names of its tests."""
        return [row["test"] for row in self.rows]

    def take_up(self, functions: list[FunctionType]) -> None:
        """Let functions, constants of the module and fields of its classes be those of the mutant, in this process."""
        if self.outermost and not isinstance(self.statement, ast.ClassDef | ast.FunctionDef):
            exec(compile(ast.Module([self.statement], []), str(self.path), "exec"), vars(sys.modules[self.name]))
            return
        made = ModuleType(self.name)
        try:
            exec(compile(self.broken, str(self.path), "exec"), vars(made))
        except Exception as error:  # a module that cannot be imported is noticed
            print(f"import: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        new = {_key(one): one for one in _functions(made)}
        for one in functions:
            if one.__code__.co_filename == str(self.path) and (other := new.get(_key(one))) is not None:
                one.__code__, one.__defaults__, one.__kwdefaults__ = (
                    other.__code__,
                    other.__defaults__,
                    other.__kwdefaults__,
                )
        if self.outermost and isinstance(self.statement, ast.ClassDef):
            _take_up_fields(vars(sys.modules[self.name])[self.statement.name], vars(made)[self.statement.name])


def _uses(tree: ast.Module, constant: ast.stmt) -> set[int]:
    """Return the lines of functions that use a constant, by way of other constants too; empty: it is no constant."""
    names = set[str]()
    statements = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and one not in tree.body]
    for one in [constant, *tree.body]:
        if isinstance(one, ast.Assign | ast.AnnAssign) and (one is constant or names & _named(one.value)):
            names |= set().union(*map(_named, one.targets if isinstance(one, ast.Assign) else [one.target]))
    used = {number for one in statements if names & _named(one) for number in range(one.lineno, one.end_lineno + 1)}
    return used & {one.lineno for one in statements}


def _named(node: ast.AST | None) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} if node else set()


def _take_up_fields(old: type, new: type) -> None:
    """Let plain attributes of a class be the new ones, and the defaults of the `__init__` of a data class."""
    for name, value in vars(new).items():
        if isinstance(value, bool | int | float | str | tuple | None):
            setattr(old, name, value)
    if isinstance(vars(new).get("__init__"), FunctionType):
        old.__init__.__defaults__, old.__init__.__kwdefaults__ = new.__init__.__defaults__, new.__init__.__kwdefaults__


def _functions(module: ModuleType) -> list[FunctionType]:
    """Return the functions and methods that a module defines, also those that others wrap."""
    return [one for one in _of_gc() if one.__globals__ is vars(module)]


def _of_gc() -> list[FunctionType]:
    return [one for one in gc.get_objects() if type(one) is FunctionType]


def _key(function: FunctionType) -> tuple[str, int]:
    return function.__code__.co_qualname, function.__code__.co_firstlineno


def _holds(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or 0)


class Bench:
    """Runs mutants in forks and counts; as a plugin of pytest it takes the place of the loop over tests."""

    def __init__(self, work: Path, seconds: float, seed: int) -> None:
        self.copy, self.seconds, self.log = work / "mutated", seconds, work / "mutants.log"
        rows = [row for row in executed(work).values() if row["passed"] and "::" in row["test"]]
        self.records = [row for row in rows if not any(part in row["test"] for part in _LEFT_OUT)]
        self.out = (work / f"mutants-{seed}.jsonl").open("w", encoding="utf-8")
        self.said = os.fdopen(os.dup(1), "w")
        self.counts: collections.Counter[str] = collections.Counter()
        self.failed, self.sound = work / "failed-test", set[str]()
        self.mutants: list[Mutant] = []

    def tests(self, module: str, lines: set[int]) -> list[dict]:
        """Return records of the tests that run one of some lines, any of the module where none is given, in order."""
        folder, name, stem = f"tests/{module.split('/')[0]}/", f"headstart/{module}", Path(module).stem
        known = [
            row
            for row in self.records
            if name in row["lines"] and (not lines or not lines.isdisjoint(row["lines"][name]))
        ]
        own = f"/test_{stem}.py::"
        known.sort(key=lambda row: (own not in row["test"], not row["test"].startswith(folder), row["seconds"]))
        thorough = sorted(known, key=lambda row: -len(row["lines"][name]))[:_THOROUGH]
        taken, chosen = 0.0, []
        for row in [*known[:_QUICK], *thorough, *known[_QUICK:_MOST]]:
            if row not in chosen and (taken + row["seconds"] <= self.seconds or not chosen):
                taken += row["seconds"]
                chosen.append(row)
        return chosen

    def judge(self, mutant: Mutant, run: Callable[[list[str]], int], broken: Callable[[], Any]) -> None:
        """Run a mutant's tests, the one that failed again without the fault, and write down what came of it."""
        begun, outcome, by = time.monotonic(), "unseen", ""
        if mutant.rows:
            self.failed.write_text("")
            outcome = self.forked(mutant, lambda: run(mutant.tests), broken)
            by = self.failed.read_text()
        if outcome == "killed" and by in mutant.tests and by not in self.sound:
            unhurt = self.forked(mutant, lambda: run([by]))
            outcome = outcome if unhurt == "survived" else "unclear"
            self.sound |= {by} if unhurt == "survived" else set()
        self.counts[outcome] += 1
        row = {"module": mutant.module, **vars(mutant.fault), "tests": len(mutant.rows), "outcome": outcome, "by": by}
        self.out.write(json.dumps(row | {"seconds": round(time.monotonic() - begun, 1)}, ensure_ascii=False) + "\n")
        self.out.flush()
        if outcome not in _FOUND:
            fault = mutant.fault
            print(
                f"{outcome}: {mutant.module}:{fault.line}  {fault.before}  ->  {fault.after}",
                file=self.said,
                flush=True,
            )

    def forked(self, mutant: Mutant, run: Callable[[], int], broken: Callable[[], Any] = lambda: None) -> str:
        """Return `survived`, `killed`, of what takes too long `late`, `unclear`: the fault was not taken up."""
        child = os.fork()
        if not child:
            os.setsid()
            out = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            allowed = _LEAST_SECONDS + int(2 * sum(row["seconds"] for row in mutant.rows))
            resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed + 1))
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            code = 3
            try:
                broken()
                code = 1
                code = int(run() != 0)
            finally:
                os._exit(code)
        end = time.monotonic() + 120 + 10 * self.seconds
        while not (done := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "late"
            time.sleep(0.01)
        code = os.waitstatus_to_exitcode(done[1])
        return {0: "survived", 3: "unclear", -signal.SIGXCPU: "late"}.get(code, "killed")

    def run(self, mutants: list[Mutant]) -> None:
        """Judge mutants."""
        self.mutants = mutants
        pytest.main([*_OPTIONS, *sorted({test for mutant in mutants for test in mutant.tests})], plugins=[self])

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.failed.write_text(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for mutant in self.mutants:
            importlib.import_module(mutant.name)
        functions = _of_gc()
        gc.freeze()
        for mutant in self.mutants:

            def run(names):
                own = [items[name] for name in names]
                for item, after in zip(own, [*own[1:], None]):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                    if session.testsfailed:
                        break
                return session.testsfailed

            self.judge(mutant, run, lambda mutant=mutant: mutant.take_up(functions))
        return True


def sample(patterns: list[str], count: int, seed: int) -> list[tuple[str, Fault]]:
    """Return `count` faults, all equally likely, in random order: what is done of them is a sample at any time."""
    source = ROOT / "src/headstart"
    names = sorted({str(path.relative_to(source)) for pattern in patterns for path in source.glob(pattern)})
    every = [(name, fault) for name in names for fault in faults(ast.parse((source / name).read_bytes()))]
    print(f"{len(every):,} faults in {len(names)} modules; {min(count, len(every))} of them by seed {seed}", flush=True)
    chosen = random.Random(seed).sample(range(len(every)), min(count, len(every)))
    return [every[number] for number in chosen]


def main() -> None:
    """Run a sample; the exit code is 1 when fewer than --bar of the faults are found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--modules", nargs="*", default=MODULES)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20, help="of tests for a mutant, as they were recorded")
    parser.add_argument("--bar", type=float, default=0.9)
    options = parser.parse_args()
    chosen = sample(options.modules, options.count, options.seed)
    bench = Bench(options.work.resolve(), options.seconds, options.seed)
    copy_tree(bench.copy)
    mutants = [Mutant(bench.copy, module, fault, bench.tests) for module, fault in chosen]
    os.environ |= {"PYTHONPATH": str(bench.copy / "src"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    sys.path[0:0] = [str(bench.copy / "src")]
    os.chdir(bench.copy)
    bench.run(mutants)
    found = sum(bench.counts[one] for one in _FOUND) / max(len(mutants), 1)
    print(f"{dict(bench.counts)}: {found:.1%} of {len(mutants)} found", file=bench.said, flush=True)
    raise SystemExit(found < options.bar or sum(bench.counts.values()) != len(mutants))


if __name__ == "__main__":
    main()
