"""The built-in task: no leak between its parts, the answer is masked, the same every time, nothing but docstrings."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import docstrings
from headstart.data.docstrings import docstring_task, first_paragraphs, packages, paragraphs

WORDS = (
    "river",
    "stone",
    "cloud",
    "lamp",
    "garden",
    "engine",
    "paper",
    "signal",
    "winter",
    "ladder",
    "mirror",
    "coffee",
)


def prose(*keys: int) -> str:
    return " ".join(WORDS[(key * (place + 3) + key // 12 + place) % 12] for key in keys for place in range(7))


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A made-up environment: three packages of 40 files, some paragraphs shared between files and packages."""
    number = 0
    for package in ("alpha", "beta", "gamma"):
        for file in range(40):
            mark = "abcdefgh"[file % 8] * (file // 8 + 1)
            lines = [f'"""{prose(file, 1)} module of {package} number{mark} {package[:3]}."""\n']
            for function in range(8):
                number += 1
                own = f"{prose(number, function)} code{bin(number)[2:].replace('0', 'o').replace('1', 'l')}"
                lines.append(
                    f'def f{function}():\n    """{own} as {package} does.\n\n    Shared words are in every package '
                    f'of this kind here.\n    """\n    x = """not a docstring but it has words enough for one"""\n'
                )
            path = tmp_path / package / f"m{file}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines))
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "tests").mkdir()
        (tmp_path / package / "tests/t.py").write_text('"""' + "a test package is left out of this corpus" + '"""')
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(docstrings.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(
        docstrings, "packages", lambda found=packages: {k: v for k, v in found().items() if k != "python"}
    )
    return tmp_path


def words(text: str) -> str:
    return "".join(re.findall(r"[^\W\d_]{2,}", text.lower()))


def test_no_test_text_is_in_the_corpus_or_the_training_part(site):
    task = docstring_task(rows_per_class=150)
    assert task.classes == ["alpha", "beta", "gamma"]
    assert len(task.train) > 300
    assert len(task.test) == 150
    tests = {words(text) for text, _ in task.test}
    masked = {words(docstrings._masked(text, name)) for text in task.corpus for name in task.classes}
    assert not tests & masked
    assert not tests & {words(text) for text, _ in task.train}
    assert len(tests) == len(task.test)
    assert len({words(text) for text in task.corpus}) == len(task.corpus)


def test_no_file_is_on_both_sides(site):
    task = docstring_task()
    where: dict[str, str] = {}
    for package, files in docstrings.packages().items():
        for paragraph in paragraphs(package, files):
            where.setdefault(docstrings._masked(paragraph.text, package), paragraph.file)
    shared = {docstrings._masked("Shared words are in every package of this kind here.", name) for name in task.classes}
    sides = [{where[text] for text, _ in part if text not in shared} for part in (task.train, task.test)]
    assert all(len(side) > 10 for side in sides)
    assert not sides[0] & sides[1]


def test_the_answer_is_masked_and_classes_are_even(site):
    task = docstring_task(rows_per_class=90)
    for text, label in task.train + task.test:
        assert label not in text.lower()
    counts = {name: sum(label == name for _, label in task.train) for name in task.classes}
    assert set(counts.values()) == {90}
    assert any("alpha" in text for text in task.corpus)  # the unlabelled text is left as it is


def test_the_same_every_time_and_another_with_another_seed(site):
    assert docstring_task() == docstring_task()
    assert docstring_task(seed=1).test != docstring_task().test


def test_the_first_of_every_package_by_its_name(site):
    found = [paragraph for paragraph in first_paragraphs(3) if paragraph.package != "python"]
    assert [paragraph.package for paragraph in found] == ["alpha"] * 3 + ["beta"] * 3 + ["gamma"] * 3
    every = packages()
    assert found == [one for name in ("alpha", "beta", "gamma") for one in list(paragraphs(name, every[name]))[:3]]
    assert not [one for one in first_paragraphs(10_000) if "left out of this corpus" in one.text]


def test_only_docstrings_are_read(site):
    task = docstring_task()
    assert not [text for text in task.corpus if "not a docstring" in text or "left out" in text]


def test_too_little_text_is_one_line(site, monkeypatch):
    monkeypatch.setattr(docstrings, "packages", dict)
    with pytest.raises(HeadstartError, match="too little documentation"):
        docstring_task()


AWKWARD = '''# a comment with """ in it, and don't stop
"""Module text of six words or more, with \\"escaped\\" quotes in it."""
from x import (
    y,
)
name = "it's \\" # no comment"
def f(a="#", b=\'"""\'):  # trailing don't
    r"""Raw text of a function \\with a backslash stays as it is."""
    call(
        """an argument is not a docstring however long it may be""",
    )
    z = ("one"
         """ joined string that is not a docstring either in any way""")
class A:
    \'\'\'Class text in single quotes, it's fine "here" as well.

    Second paragraph of the class text with an indented line.
    \'\'\'
    async def g(self):
        u"""Unicode prefix text of a method with many words."""
        return f"""formatted {a} is never a docstring of anything at all"""
'''


def by_parser(source: str) -> set[str]:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return {text for node in nodes for text in docstrings._prose(ast.get_docstring(node) or "")}


def test_the_scan_finds_what_the_parser_finds():
    found = [text for docstring in docstrings._docstrings(AWKWARD) for text in docstrings._prose(docstring)]
    assert set(found) == by_parser(AWKWARD)
    assert len(found) == 5
    library = [Path(module.__file__) for module in (ast, json, re, docstrings)]
    library += sorted(Path(ast.__file__).parent.glob("a*.py")) + sorted(Path(ast.__file__).parent.glob("email/*.py"))
    wanted = found = missed = 0
    for path in library:
        source = path.read_text(encoding="utf-8")
        ours = {text for docstring in docstrings._docstrings(source) for text in docstrings._prose(docstring)}
        theirs = by_parser(source)
        wanted, found, missed = wanted + len(theirs), found + len(ours), missed + len(theirs - ours)
    assert wanted > 150
    assert missed <= 0.02 * wanted  # a docstring in plain quotes
    assert found - (wanted - missed) <= 0.05 * wanted  # a string that stands alone elsewhere
