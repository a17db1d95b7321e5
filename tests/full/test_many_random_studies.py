"""The property of reporting/test_random_studies.py over many more studies."""

from __future__ import annotations

import pytest
from random_studies import found_in


@pytest.mark.parametrize("start", range(0, 2000, 100))
def test_no_fault_in_a_hundred_studies(start):
    assert {seed: found for seed in range(start, start + 100) if (found := found_in(seed))} == {}
