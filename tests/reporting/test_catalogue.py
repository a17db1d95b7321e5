"""The catalogues: both languages say the same things, every phrase is used, and every phrase that is used is there."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import headstart
from headstart.core.errors import HeadstartError
from headstart.reporting.phrases import catalogue, phrase

ROOT = Path(headstart.__file__).parent
NAME = r"[a-z][\w.]*"
REASON = re.compile(r"reasons\.").match  # in English they stand where they are made: see test_reasons.py


def fields(words: str) -> set[str]:
    """The places of a phrase; a language need not name the item where the other does."""
    return {part[1] for part in string.Formatter().parse(words) if part[1]} - {"item", "items"}


def test_both_languages_say_the_same_things():
    english, korean = catalogue("en"), {name: words for name, words in catalogue("ko").items() if not REASON(name)}
    assert list(english) == list(korean)
    for name, words in english.items():
        assert fields(words) == fields(korean[name]), name
        if re.search(r"[A-Za-z]{2}", re.sub(r"\{.*?\}|ECE|AUC", "", words)):
            assert any("가" <= letter <= "힣" for letter in korean[name]), name


def patterns(text: str) -> set[str]:
    """Regular expressions of the names that a Python source asks for: literals, and f-strings with open places."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(NAME, node.value):
            found.add(re.escape(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in node.values]
            if len(parts) > 1 and re.search("[a-z]", parts[0] + parts[-1].replace(r"\w+", "")):
                found.add("".join(parts))
    return found


def template_patterns(text: str) -> set[str]:
    """The same of a template: every quoted word, and words that are joined with a variable."""
    found = {re.escape(name) for name in re.findall(rf'"({NAME})"', text)}
    found |= {rf"{re.escape(name)}\w+" for name in re.findall(rf'"({NAME}_)" ~', text)}
    return found | {rf"audit_page\.{one}" for one in found}


def used() -> set[str]:
    out = {r"slice_\w+", r"version_\w+", r"gate\.script_\w+"}  # `named` of these kinds
    for path in [*(ROOT / "reporting").glob("*.py"), ROOT / "commands/demo.py"]:
        out |= patterns(path.read_text(encoding="utf-8"))
    for path in (ROOT / "reporting/templates").glob("*.j2"):
        out |= template_patterns(path.read_text(encoding="utf-8"))
    # Sentences of an audit and of a target, and the parts and numbers of its page, are named by data.
    return (
        out
        | {rf"gate\.{one}" for one in out}
        | {rf"audit_page\.{one}" for one in out}
        | {rf"demo\.{one}" for one in out}
        | {rf"target\.{one}" for one in out}
    )


def test_every_phrase_is_used():
    every = re.compile("|".join(sorted(used())))
    assert [name for name in catalogue("en") if not every.fullmatch(name)] == []


def asked_python(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "phrase":
            name = node.args[1]
            if isinstance(name, ast.Constant):
                found.add(name.value)
            if isinstance(name, ast.IfExp):
                found |= {one.value for one in (name.body, name.orelse)}
    return found


def test_every_phrase_that_is_asked_for_is_there():
    asked = set()
    for path in [*(ROOT / "reporting").glob("*.py"), ROOT / "commands/demo.py"]:
        asked |= asked_python(path.read_text(encoding="utf-8"))
    for path in (ROOT / "reporting/templates").glob("*.j2"):
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(rf'\bt\("({NAME})"[,)]', text))
        asked |= {f"audit_page.{name}" for name in re.findall(rf'\ba\("({NAME})"[,)]', text)}
    assert len(asked) > 100
    assert sorted(asked - set(catalogue("en"))) == []
    assert "no_such_phrase" in asked_python('phrase(language, "no_such_phrase")')


def test_an_unknown_language_teaches():
    with pytest.raises(HeadstartError, match="language 'kr'; did you mean 'ko'"):
        phrase("kr", "title")
