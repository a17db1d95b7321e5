"""200 random damages over all kinds of artefacts, five times: each is told at opening (bar E4); half a minute."""

from __future__ import annotations

import pytest
from damages import make, untold


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    return make(tmp_path_factory.mktemp("artefacts"))


@pytest.mark.parametrize("seed", range(5))
def test_every_damage_is_told(artefacts, tmp_path, seed):
    assert untold(artefacts, 200, seed, tmp_path) == []
