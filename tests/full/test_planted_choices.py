"""The conformance suites test a choice that was dropped in as one file: its names are collected, and they pass.

Run it by name: pytest tests/full/test_planted_choices.py (about a minute).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import headstart

TESTS = Path(__file__).parents[1]
FOLDERS = {"first_token": "objectives", "rotations": "objectives"}
FOLDERS |= {"posterised": "processors", "hashed_words": "processors"}


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(Path(headstart.__file__).parent, tmp_path / "headstart")
    for name, folder in FOLDERS.items():
        shutil.copy(TESTS / f"support/planted/{name}.py", tmp_path / "headstart" / folder)
    return tmp_path


def conformance(tree: Path) -> subprocess.CompletedProcess:
    """Return what pytest says of the conformance tests with the names of the planted files, over that tree."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-vv", str(TESTS / "conformance"), "-k", " or ".join(FOLDERS)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tree)},
    )


def test_the_suites_find_them_and_they_pass(tree):
    done = conformance(tree)
    assert done.returncode == 0, done.stdout
    assert all(f"[{name}" in done.stdout for name in FOLDERS)


def test_a_fault_in_a_planted_file_is_found(tree):
    place = tree / "headstart/processors/hashed_words.py"
    place.write_text(place.read_text().replace('unicodedata.normalize("NFC", word)', "word"))
    done = conformance(tree)
    assert done.returncode == 1
    assert "hashed_words" in done.stdout.partition("short test summary")[2]
