"""Whatever is thrown, the program ends with one line: a panic, too little memory; who asks to stop is not held up."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch
from program import headstart

from headstart.commands.app import main
from headstart.core import plugins
from headstart.core.errors import HeadstartError
from headstart.core.reason import is_out_of_memory, reason_of

CHOICE = '''"""An objective that fails."""

from dataclasses import dataclass

import torch
from tokenizers import pre_tokenizers

from headstart.core.spec import ObjectiveSpec


@dataclass(frozen=True, kw_only=True)
class Faulty(ObjectiveSpec):
    """It cannot be made."""

    reads = ("bidirectional",)

    def __post_init__(self):
        FAULT

    def build(self, backbone, processor):
        """Never."""
'''
PANIC = 'pre_tokenizers.FixedLength(length=0).pre_tokenize_str("ab")'
BEYOND = 1 << 60  # bytes; no address space holds them


@pytest.fixture
def call(tmp_path, monkeypatch):
    """The arguments of a command in which this is executed."""
    monkeypatch.setattr(plugins, "_known", {})
    monkeypatch.setattr(plugins, "_modules", {})
    (tmp_path / "corpus.txt").write_text("a text\nanother text\n" * 40)

    def arguments(fault: str) -> list[str]:
        (tmp_path / "faulty.py").write_text(CHOICE.replace("FAULT", fault))
        return [
            *("pretrain", str(tmp_path / "corpus.txt"), "--out", str(tmp_path / "run"), "--steps", "1"),
            *("--objective", str(tmp_path / "faulty.py")),
        ]

    return arguments


def test_a_panic_ends_in_one_line(call):
    done = headstart(*call(PANIC))
    (line,) = [line for line in done.err.splitlines() if line.startswith("headstart:")]
    assert done.code == 1
    assert line.startswith("headstart: internal fault: PanicException: chunk size must be non-zero")
    assert "Traceback" not in done.err


def test_a_panic_shows_where_with_debug(call):
    with pytest.raises(BaseException, match="chunk size must be non-zero") as caught:
        main([*call(PANIC), "--debug"])
    assert not isinstance(caught.value, Exception)  # the fault that `except Exception` would let through
    assert any(str(entry.path).endswith("faulty.py") for entry in caught.traceback)


def test_who_asks_to_stop_is_not_held_up(call):
    assert headstart(*call("raise SystemExit(7)")).code == 7
    assert headstart(*call("raise KeyboardInterrupt")).code == 130


def test_too_little_memory_says_what_to_lower(call):
    done = headstart(*call(f"torch.empty({BEYOND}, dtype=torch.uint8)"))
    assert done.code == 2
    assert done.complaint.startswith("headstart: out of memory; lower batches.tokens (1024, say; ")
    assert "--vocabulary or backbone.width" in done.complaint
    done = headstart(*call('raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")'))
    assert done.code == 2
    assert done.complaint.startswith("headstart: out of memory on the device; lower batches.tokens")
    assert done.complaint.endswith("or add --device cpu")


def errors_of_memory() -> list[BaseException]:
    """Those that can be had here are had."""
    found: list[BaseException] = []
    for ask in (
        lambda: torch.empty(BEYOND, dtype=torch.uint8),
        lambda: np.empty(BEYOND, np.uint8),
        lambda: bytearray(BEYOND),
    ):
        try:
            ask()
        except Exception as error:
            found.append(error)
    return [
        *found,
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"),
    ]


def test_every_lack_of_memory_is_known():
    found = errors_of_memory()
    assert len(found) == 10
    assert [error for error in found if not is_out_of_memory(error)] == []
    assert {reason_of(error).code for error in found} == {"out_of_memory"}


@pytest.mark.parametrize(
    "error",
    [
        HeadstartError("a.tsv, line 3: 'out of memory' is no class"),
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("out of memory"),  # a text of the data
    ],
)
def test_other_errors_are_none(error):
    assert not is_out_of_memory(error)
    assert reason_of(error).code != "out_of_memory"
