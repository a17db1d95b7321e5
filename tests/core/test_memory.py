"""core/memory: what a process held, and what it gives back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import Forked

from headstart.core import memory
from headstart.core.memory import give_back, peak_memory


def resident() -> int:
    """Return the MB that this process holds now."""
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = [line for line in file if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024 // 1_000_000


def test_the_peak_is_of_megabytes_and_never_falls():
    def held_and_let_go() -> None:
        before = peak_memory()
        held = torch.ones(200, 250_000)  # a MB in each row
        after = peak_memory()
        assert before + 190 <= after <= before + 400
        del held
        assert peak_memory() >= after

    assert Forked(held_and_let_go).wait() == 0  # a fork has held no more than it holds now


def test_the_peak_is_not_of_the_program_that_started_this_one():
    held = torch.ones(400, 250_000)
    assert peak_memory() >= 400
    del held
    command = "from headstart.core.memory import peak_memory; print(peak_memory())"
    started = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert 50 < int(started.stdout) < 400


def test_where_the_system_does_not_tell_it_the_peak_is_of_the_resources(monkeypatch):
    monkeypatch.setattr(memory, "_of_this_program", lambda: None)
    assert peak_memory() >= resident()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone gives memory back when asked")
def test_gaps_in_the_heap_are_given_back():
    pieces = [torch.ones(15_000) for _ in range(4_000)]  # 60 kB each: of the heap, not mapped one by one
    kept = pieces[::50]  # gaps between what stays
    del pieces
    held = resident()
    assert give_back()
    assert resident() < held - 150
    assert all(float(piece[0]) == 1.0 for piece in kept)


def test_a_mapped_file_that_was_read_takes_no_memory(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere the system does not say what of a file is mapped")

    def mapped() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        of_files = ("RssFile", "RssShmem")  # the second where the folder of the test lies in memory
        return sum(int(line.split()[1]) for line in lines if line.startswith(of_files)) >> 10

    np.arange(1 << 23, dtype=np.uint32).tofile(tmp_path / "ids.bin")  # 32 MiB
    ids, before = np.memmap(tmp_path / "ids.bin", np.uint32, "r"), mapped()
    assert int(ids[::512].astype(np.int64).sum()) > 0
    assert mapped() - before > 16
    memory.let_go(ids)
    assert mapped() - before < 4
    assert ids[5] == 5
    memory.let_go(np.zeros(3))  # what is no file stays
