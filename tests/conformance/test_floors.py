"""Imports only go down, packages of a floor never see each other; the check is shown to fail on a planted violation."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import headstart

ROOT = Path(headstart.__file__).parent
FLOORS = [
    ["base"],
    ["nn", "text", "metrics", "interop"],
    ["backbones", "data"],
    ["objectives", "heads", "tasks", "training"],
    ["routes"],
    ["auditing", "evaluation", "exports", "inspection"],
    ["recipes"],
    ["commands"],
]
LEVEL = {package: number for number, packages in enumerate(FLOORS) for package in packages}


def violations(root: Path) -> list[str]:
    """Return one line per import (also inside functions) of headstart that does not go down."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if len(parts) == 1:
            continue  # headstart/__init__.py: lazy names only
        own = parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                names = [node.module or ""]
            for name in names:
                pieces = name.split(".")
                if pieces[0] != "headstart" or len(pieces) == 1:
                    continue
                other = pieces[1]
                if other != own and LEVEL[other] >= LEVEL[own]:
                    found.append(f"{path.relative_to(root)}:{node.lineno} imports {name}")
    return found


def test_every_package_has_a_floor():
    assert {path.parent.name for path in ROOT.glob("*/*.py")} == set(LEVEL)


def test_every_folder_is_a_package():
    """A folder without __init__.py works from the tree and is left out of a built distribution."""
    folders = {path.parent for path in ROOT.rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_imports_only_go_down():
    assert violations(ROOT) == []


def test_planted_violation_is_found(tmp_path):
    shutil.copytree(ROOT, tmp_path / "headstart", ignore=shutil.ignore_patterns("__pycache__"))
    planted = tmp_path / "headstart/objectives/halves.py"
    planted.write_text(
        planted.read_text() + "\n\ndef f():\n    from headstart.routes import workspace\n    return workspace\n"
    )
    sideways = tmp_path / "headstart/nn/attention.py"
    sideways.write_text("import headstart.text.load\n" + sideways.read_text())
    found = violations(tmp_path / "headstart")
    assert len(found) == 2
    assert found[0].startswith("nn/attention.py:")
    assert found[1].startswith("objectives/halves.py:")


def test_files_stay_readable():
    long = {str(p.relative_to(ROOT)): n for p in ROOT.rglob("*.py") if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def lines_of(function: ast.FunctionDef) -> int:
    """Return the lines after the signature: that of a command is its table of options."""
    return function.end_lineno - function.body[0].lineno + 1


def test_functions_stay_readable():
    long = [
        f"{path.relative_to(ROOT)}:{node.name} has {lines_of(node)} lines"
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node) > 60
    ]
    assert long == []
