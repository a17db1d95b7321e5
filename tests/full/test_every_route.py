"""Every route on every base with single texts and with pairs: the cases that tests/routes leaves out.

Run it by name: pytest tests/full/test_every_route.py (a few seconds).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "routes"))

from test_routes import cases, check_run_save_load, saved, two_ways, workspaces

__all__ = ["saved", "workspaces"]  # the fixtures
LEFT = [(*case, True) for case in cases() if (*case, True) not in two_ways()]


@pytest.mark.parametrize(("name", "base", "pairs"), LEFT)
def test_run_save_load(name, base, pairs, workspaces, saved, tmp_path):
    check_run_save_load(name, base, pairs, workspaces, saved, tmp_path)
