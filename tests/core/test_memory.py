"""core/memory: what a process held, and what it gives back."""

from __future__ import annotations

import sys

import pytest
import torch

from headstart.core.memory import give_back, peak_memory


def resident() -> int:
    """Return the MB that this process holds now."""
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = [line for line in file if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024 // 1_000_000


def test_the_peak_is_of_megabytes_and_never_falls():
    before = peak_memory()
    held = torch.ones(before + 200, 250_000)  # a MB in each row, more than was ever held
    after = peak_memory()
    assert after >= before + 200
    del held
    assert peak_memory() >= after


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone gives memory back when asked")
def test_gaps_in_the_heap_are_given_back():
    pieces = [torch.ones(15_000) for _ in range(4_000)]  # 60 kB each: of the heap, not mapped one by one
    kept = pieces[::50]  # gaps between what stays
    del pieces
    held = resident()
    assert give_back()
    assert resident() < held - 150
    assert all(float(piece[0]) == 1.0 for piece in kept)
