"""benchmarks/: every script still finds what it imports from headstart."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_script_imports_from_headstart_is_there(script):
    wanted = [node for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))) if _of_headstart(node)]
    for node in wanted:
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
            continue
        module = importlib.import_module(node.module)
        for alias in node.names:
            if alias.name not in {*vars(module), *vars(module).get("__all__", ())}:
                importlib.import_module(f"{node.module}.{alias.name}")


def test_there_are_scripts_that_import_headstart():
    assert sum("headstart" in script.read_text(encoding="utf-8") for script in SCRIPTS) > 20


def _of_headstart(node: ast.AST) -> bool:
    """Whether it imports something of headstart."""
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == "headstart" for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "headstart"
