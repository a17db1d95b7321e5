"""benchmarks/mutants.py: which faults are planted, that they are taken up, and what is said of each."""

from __future__ import annotations

import ast
import json
import sys
import types

import pytest
from mutating import executed_lines, mutants, mutation_operators

SOURCE = '''"""A module."""

from __future__ import annotations

MOST = 3


def grows(a: int = 1, *, strict: bool = True) -> bool:
    """Say whether a is small."""
    if a < MOST and strict:
        return bool(a + 1)
    raise ValueError(f"{a + 1} is too large" + str(a - 1))


def turns(values):
    """Go on until it is done."""
    total = 0
    while values:
        total += values.pop()
    return total


class Holder:
    """width: of it."""

    __slots__ = ("one",)
    width: int = 4

    def of(self, part: slice) -> list:
        assert part is not None
        print("5")
        try:
            return [0, 1, 2, 3][1:-1]
        except (KeyError, ValueError):
            return sorted([min(1, 2)], reverse=True)
'''
TREE = ast.parse(SOURCE)
NAME = ".".join(("headstart", "small"))


def shown() -> set[str]:
    return {f"{one.before} -> {one.after}" for one in mutation_operators.faults(TREE)}


@pytest.mark.parametrize(
    "fault",
    [
        "MOST = 3 -> MOST = 3 * 2",
        "MOST = 3 -> MOST = 3 // 2",
        "a < MOST -> a <= MOST",
        "a < MOST -> a > MOST",
        "a < MOST and strict -> a < MOST or strict",
        "if a < MOST and strict: -> if not (a < MOST and strict):",
        "a + 1 -> a - 1",
        "return bool(a + 1) -> return None",
        "raise ValueError(f'{a + 1} is too large' + str(a - 1)) -> pass",
        "True -> False",
        "total += values.pop() -> total -= values.pop()",
        "total += values.pop() -> pass",
        "1:-1 -> :-1",
        "1:-1 -> 1:",
        "except (KeyError, ValueError): -> except (ValueError,):",
        "min(1, 2) -> max(1, 2)",
    ],
)
def test_a_fault_is_planted(fault):
    assert fault in shown()


def test_what_no_test_should_hold_on_to_is_left_out():
    found = mutation_operators.faults(TREE)
    lines = SOURCE.split("\n")
    assert not [one for one in found if "assert" in lines[one.line - 1] or "print" in lines[one.line - 1]]
    assert [one.after for one in found if "raise" in lines[one.line - 1]] == ["pass"]  # no word of the message
    assert not [one for one in found if "__slots__" in lines[one.line - 1]]


def test_every_fault_is_one_change():
    for fault in mutation_operators.faults(TREE):
        changed = ast.unparse(mutation_operators.planted(TREE, fault))
        assert changed != ast.unparse(TREE)
        compile(changed, "module", "exec")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench whose tree is one module, imported; its tests are functions that return how many of them fail."""
    path = tmp_path / "mutated/src/headstart/small.py"
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)
    module = types.ModuleType(NAME)
    exec(compile(SOURCE, str(path), "exec"), vars(module))
    monkeypatch.setitem(sys.modules, NAME, module)
    rows = [{"test": "t.py::t", "seconds": 0.0, "passed": True, "lines": {"headstart/small.py": [*range(1, 35)]}}]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = mutants.Bench(tmp_path, 1.0, 0)
    yield made, module
    made.out.close()
    made.said.close()


def judged(bench, fault: str, check) -> str:
    """What is said of a fault when the tests are `check`, which returns True where they pass."""
    made, module = bench
    planted = next(one for one in mutation_operators.faults(TREE) if f"{one.before} -> {one.after}" == fault)
    mutant = mutants.Mutant(made.copy, "small.py", planted, made.tests)
    functions = [one for one in (*vars(module).values(), *vars(module.Holder).values()) if type(one) is type(judged)]
    made.counts.clear()

    def run(names):
        made.failed.write_text("" if check(module) else names[0])
        return int(not check(module))

    made.judge(mutant, run, lambda: mutant.take_up(functions))
    return next(iter(made.counts))


@pytest.mark.parametrize(
    ("fault", "check", "outcome"),
    [
        ("a < MOST -> a <= MOST", lambda module: module.grows(2) is True, "survived"),
        ("a < MOST -> a > MOST", lambda module: module.grows(2) is True, "killed"),
        ("return bool(a + 1) -> return None", lambda module: module.grows(2) is True, "killed"),
        ("MOST = 3 -> MOST = 3 // 2", lambda module: module.grows(2) is True, "killed"),
        ("MOST = 3 -> MOST = 3 * 2", lambda module: module.grows(2) is True, "survived"),
        ("1 -> 2", lambda module: module.grows() is True, "survived"),
        ("1 -> 0", lambda module: module.grows() is True and module.grows.__defaults__ == (1,), "killed"),
        ("True -> False", lambda module: module.grows() is True, "killed"),
        ("4 -> 5", lambda module: module.Holder().width == 4, "killed"),
        ("total += values.pop() -> pass", lambda module: module.turns([1, 2]) == 3, "late"),
        ("1:-1 -> 1:", lambda module: module.Holder().of(slice(3)) == [1, 2], "killed"),
        ("min(1, 2) -> max(1, 2)", lambda module: module.grows(2) is True, "unseen"),
    ],
)
def test_what_is_said_of_a_mutant(bench, monkeypatch, fault, check, outcome):
    if outcome == "late":
        monkeypatch.setattr(mutants, "_LEAST_SECONDS", 1)
    assert judged(bench, fault, check) == outcome
    assert bench[1].grows(2) is True  # in this process nothing has changed


def test_tests_that_fail_without_a_fault_find_nothing(bench):
    assert judged(bench, "MOST = 3 -> MOST = 3 // 2", lambda module: False) == "unclear"


def test_every_line_that_runs_is_marked(tmp_path):
    """Compiled with marks a module does what it did, and says which statements ran, also in a function."""
    path = tmp_path / "small.py"
    path.write_text(SOURCE)
    marks = bytearray(100)
    held = types.ModuleType("line_marks")
    held.marks = marks
    executed_lines.instrument(path, 10)
    before = dict(sys.modules)
    sys.modules["line_marks"] = held
    sys.path.insert(0, str(tmp_path))
    try:
        import small

        assert small.turns([1, 2]) == 3
    finally:
        sys.path.remove(str(tmp_path))
        for name in set(sys.modules) - set(before):
            del sys.modules[name]
    lines = SOURCE.split("\n")
    ran = {lines[place - 11].strip() for place, mark in enumerate(marks) if mark}
    assert {"MOST = 3", "total = 0", "while values:", "total += values.pop()", "width: int = 4"} <= ran
    assert "return bool(a + 1)" not in ran
    assert {line for line in ran if line.startswith(("def", "class"))} == {
        "def grows(a: int = 1, *, strict: bool = True) -> bool:",
        "def turns(values):",
        "class Holder:",
        "def of(self, part: slice) -> list:",
    }


def test_a_constant_is_shown_to_tests_of_the_lines_that_use_it():
    constant = next(one for one in TREE.body if isinstance(one, ast.Assign))
    used = {SOURCE.splitlines()[line - 1].strip() for line in mutants._uses(TREE, constant)}
    assert used == {"if a < MOST and strict:", "return bool(a + 1)"}
    assert mutants._uses(TREE, TREE.body[-1]) == set()
