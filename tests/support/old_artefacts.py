"""Artefacts of format 1 (tests/data/format_1/make.py) copied to where a test may change them, and the program."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from headstart.commands.app import main

HOME = Path(__file__).resolve().parents[1] / "data/format_1"


def headstart(*arguments: object, code: int = 0) -> str:
    """Run the program in this process and return what it printed; its exit status must be `code`."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main([str(argument) for argument in arguments])
            found = 0
        except SystemExit as stop:
            found = stop.code
    assert found == code, said.getvalue()
    return said.getvalue()


def copy_of(name: str, folder: Path) -> Path:
    """Copy an old artefact into `folder`."""
    return Path(shutil.copytree(HOME / name, folder / name))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def on_the_same_machine() -> bool:
    """Whether this processor and this torch made the expected values, so that every bit must be theirs."""
    about = json.loads((HOME / "expected/about.json").read_text())
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    processors = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    return about["cpu"] in processors and about["torch"] == torch.__version__


def agree(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> bool:
    """Whether two arrays are the same, bit for bit where they were made on this machine."""
    if on_the_same_machine():
        return found.dtype == expected.dtype and found.tobytes() == expected.tobytes()
    return found.shape == expected.shape and np.abs(found - expected).max() <= tolerance
