"""1,000 random damages over all kinds of artefacts are told or harmless; 2,000 mutations of their JSON end in one line.

Half an hour on two cores. Figures are in benchmarks/results/2026-11-29-artefacts.md.
"""

from __future__ import annotations

import pytest
from damages import make, untold
from mutated_json import fuzzed, warmed

from headstart.core import migration


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    return make(tmp_path_factory.mktemp("artefacts"), more=True)


@pytest.mark.parametrize("seed", range(5))
def test_every_damage_is_told(artefacts, tmp_path, seed):
    assert untold(artefacts, 200, seed, tmp_path) == []


@pytest.fixture(scope="module")
def warm(artefacts, tmp_path_factory):
    warmed(artefacts, tmp_path_factory.mktemp("warm"))


@pytest.mark.parametrize("seed", range(4))
def test_no_content_of_a_json_file_is_a_fault(artefacts, warm, tmp_path, seed):
    found = fuzzed(artefacts, 500, seed, tmp_path)
    print(f"{found.loads} loads, {found.refused} refused, the longest {found.longest:.2f} s")
    assert found.faults == []
    assert found.refused > 100


def test_a_planted_twin_that_takes_any_json_is_found_out(artefacts, warm, tmp_path, monkeypatch):
    monkeypatch.setattr(migration, "checked", lambda where, value, kind: value)
    assert fuzzed(artefacts, 200, 1, tmp_path).faults
