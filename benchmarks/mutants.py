"""Bar T4: of a random sample of small faults in chosen modules, the tests find at least 90 %.

    python benchmarks/executed_lines.py --work WORK tests
    python benchmarks/mutants.py --work WORK --count 300 --seed 1

A mutant is the compiled module of a copy of the tree with one fault (mutation_operators.py) in it. It gets the tests
that run its line, the quickest first, until one fails, or they take more than --seconds together; a line of a module's
outermost level gets every test that runs a line of the module. One process that has imported the libraries forks for
each mutant. The same tests run without a fault first, once for each module, and must pass. A fault in a line that no
test runs survives. WORK/mutants-SEED.jsonl says what became of each.
"""

from __future__ import annotations

import argparse
import ast
import collections
import importlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from executed_lines import ROOT, copy_tree, executed, write_compiled
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
_LIBRARIES = ("torch", "numpy", "scipy.stats", "scipy.sparse", "sklearn.linear_model", "sklearn.svm", "tokenizers")
_LIBRARIES += ("safetensors.torch", "pyarrow.parquet", "pyarrow.csv", "PIL.Image", "hypothesis", "pandas", "openpyxl")
_LIBRARIES += ("jinja2", "rich.console", "cyclopts", "charset_normalizer", "huggingface_hub", "py3langid")
_MEMORY = 8 * 2**30


class Bench:
    """A copy of the tree in which mutants run; records: what each test ran."""

    def __init__(self, work: Path, seconds: float) -> None:
        self.copy, self.seconds, self.log = work / "mutated", seconds, work / "mutants.log"
        copy_tree(self.copy)
        for path in (self.copy / "src/headstart").rglob("*.py"):
            write_compiled(path, ast.parse(path.read_bytes()))
        self.records = [row for row in executed(work).values() if row["passed"] and "::" in row["test"]]
        self.records.sort(key=lambda row: row["seconds"])
        os.environ |= {"PYTHONPATH": str(self.copy / "src"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        sys.path[0:0] = [str(self.copy / "src")]
        os.chdir(self.copy)
        for name in _LIBRARIES:
            importlib.import_module(name)

    def tests(self, module: str, line: int, outermost: bool) -> list[str]:
        """Return the tests that run a line, the quickest first."""
        name, chosen, taken = f"headstart/{module}", [], 0.0
        for row in self.records:
            lines = row["lines"].get(name, ())
            if line in lines or (outermost and lines):
                taken += row["seconds"]
                if chosen and taken > self.seconds:
                    break
                chosen.append(row["test"])
        return chosen

    def run(self, module: str, tests: list[str]) -> str:
        """Return `killed`, `late`, `survived` or `unclear` of the module as it is compiled now."""
        child = os.fork()
        if not child:
            os.setsid()
            self._run_tests(module, tests)
        end = time.monotonic() + 30 + 6 * self.seconds
        while not (done := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "late"
            time.sleep(0.02)
        code = os.waitstatus_to_exitcode(done[1])
        return "survived" if code == 0 else "unclear" if code in (3, 4, 5) else "killed"

    def _run_tests(self, module: str, tests: list[str]) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))  # a loop that was to end fills the memory
        out = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        try:
            importlib.import_module("headstart." + module.removesuffix(".py").replace("/", "."))
            code = pytest.main(
                [
                    "--rootdir=.",
                    "-x",
                    "-p",
                    "no:xdist",
                    "-p",
                    "no:randomly",
                    "-Wignore:Module already",
                    "--hypothesis-seed=0",
                    *tests,
                ]
            )
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            code = 1
        sys.stdout.flush()
        os._exit(int(code))


def _outermost(tree: ast.Module, line: int) -> bool:
    """Whether a line runs when the module is imported: outside of the bodies of functions."""
    return not any(
        one.body[0].lineno <= line <= one.end_lineno
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _statement(tree: ast.Module, line: int) -> int:
    """Return the first line of the innermost statement that a line belongs to: the line that is recorded."""
    inside = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and one.lineno <= line <= one.end_lineno]
    return max((one.lineno for one in inside), default=line)


def sample(patterns: list[str], count: int, seed: int) -> list[tuple[str, Fault]]:
    """Return `count` faults, all equally likely, in the order of modules and lines."""
    source = ROOT / "src/headstart"
    names = sorted({str(path.relative_to(source)) for pattern in patterns for path in source.glob(pattern)})
    every = [(name, fault) for name in names for fault in faults(ast.parse((source / name).read_bytes()))]
    print(f"{len(every):,} faults in {len(names)} modules; {min(count, len(every))} of them by seed {seed}", flush=True)
    chosen = random.Random(seed).sample(range(len(every)), min(count, len(every)))
    return [every[number] for number in sorted(chosen)]


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
    work = options.work.resolve()
    mutants = sample(options.modules, options.count, options.seed)
    bench, counts, checked = Bench(work, options.seconds), collections.Counter(), set()
    with (work / f"mutants-{options.seed}.jsonl").open("w", encoding="utf-8") as out:
        for module, fault in mutants:
            path = bench.copy / "src/headstart" / module
            tree = ast.parse(path.read_bytes())
            tests = bench.tests(module, _statement(tree, fault.line), _outermost(tree, fault.line))
            if tests and module not in checked:
                checked.add(module)
                if (outcome := bench.run(module, tests)) != "survived":
                    raise SystemExit(f"{module}: without a fault its tests end with '{outcome}', see {bench.log}")
            begun = time.monotonic()
            write_compiled(path, planted(tree, fault))
            outcome = bench.run(module, tests) if tests else "unseen"
            write_compiled(path, tree)
            counts[outcome] += 1
            row = {"module": module, **vars(fault), "tests": len(tests), "outcome": outcome}
            out.write(json.dumps(row | {"seconds": round(time.monotonic() - begun, 1)}, ensure_ascii=False) + "\n")
            out.flush()
            if outcome not in ("killed", "late"):
                print(f"{outcome}: {module}:{fault.line}  {fault.before}  ->  {fault.after}", flush=True)
    found = (counts["killed"] + counts["late"]) / max(len(mutants), 1)
    print(f"{dict(counts)}: {found:.1%} of {len(mutants)} found")
    raise SystemExit(found < options.bar)


if __name__ == "__main__":
    main()
