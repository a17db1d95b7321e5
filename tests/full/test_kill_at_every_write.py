"""SIGKILL before every single change of the disk, see tests/crash/test_kill_at_any_write.py; about ten minutes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from old_artefacts import HOME

_FILE = Path(__file__).parents[1] / "crash/test_kill_at_any_write.py"
_spec = importlib.util.spec_from_file_location("kill_at_any_write", _FILE)
crash = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(crash)
made = crash.made


@pytest.mark.parametrize("what", ["new_run", "resumed_run", "transfer", "comparison"])
def test_every_change(made, tmp_path, what):
    getattr(crash, f"{what}_is_killed")(made, tmp_path, 1)


def test_every_change_of_an_old_run(tmp_path, monkeypatch):
    monkeypatch.chdir(HOME)
    crash.old_run_is_killed(tmp_path, 1)
