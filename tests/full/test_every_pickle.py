"""Every route of texts as an estimator, written by pickle, joblib and skops (bar G4)."""

from __future__ import annotations

import pytest
from pickles import check_pickles

from headstart.core import registry

NAMES = [name for name in registry.names("route") if "text" in registry.load("route", name).takes]


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_alike(name, tmp_path):
    check_pickles(name, tmp_path)
