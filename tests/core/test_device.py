"""core/device.py: the number format is chosen by measurement, once, and printed plainly."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
import torch

from headstart.core import device
from headstart.core.errors import HeadstartError


@pytest.mark.parametrize(
    ("seconds", "dtype"), [((2.0, 1.0), torch.bfloat16), ((1.1, 1.0), torch.float32), ((1.0, 9.0), torch.float32)]
)
def test_bf16_must_win_clearly(monkeypatch, seconds, dtype):
    monkeypatch.setattr(device, "_race", lambda convolutions: seconds)
    monkeypatch.setattr(device, "_may_have_bf16", lambda: True)
    choice = device._measured.__wrapped__("cpu", False)
    assert choice.dtype == dtype
    assert str(choice).startswith(str(dtype).removeprefix("torch."))


# Megabytes that 400 products of bf16 matrices add, no two of one shape; the library has been used before.
_OF_SHAPES = """
import torch
from headstart.core import device
from headstart.core.memory import peak_memory
weights = torch.randn(256, 1024, dtype=torch.bfloat16)
torch.randn(2000, 256, dtype=torch.bfloat16) @ weights
before = peak_memory()
for rows in range(400):
    torch.randn(500 + rows, 256, dtype=torch.bfloat16) @ weights
print(peak_memory() - before)
"""


def of_shapes(**environment: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", _OF_SHAPES], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return int(told.stdout)


@pytest.mark.skipif(not device._may_have_bf16(), reason="this processor compiles nothing for bf16")
def test_batches_of_ever_new_shapes_take_no_memory():
    assert of_shapes() < 200


@pytest.mark.full
@pytest.mark.skipif(not device._may_have_bf16(), reason="this processor compiles nothing for bf16")
def test_they_would_with_what_the_library_keeps_by_default():
    assert of_shapes(ONEDNN_PRIMITIVE_CACHE_CAPACITY="1024", LRU_CACHE_CAPACITY="1024") > 200


@pytest.mark.parametrize("convolutions", [False, True])
def test_the_real_race_gives_plausible_times_and_the_choice_is_made_once(convolutions):
    slow, fast = device._race(convolutions)
    assert 0.001 < slow / fast < 1000
    choice = device.pick_compute_dtype("cpu", convolutions)
    assert choice is device.pick_compute_dtype("cpu", convolutions)
    if not device._may_have_bf16():
        assert (choice.dtype, choice.fp32_ms) == (torch.float32, 0.0)


@pytest.mark.parametrize(
    ("told", "may"),
    [
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}, False),
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, True),
        ({"architecture": "x86_64"}, True),  # of an older torch, which says less
        ({"architecture": "aarch64"}, True),
    ],
)
def test_only_a_processor_that_says_so_has_no_bf16(monkeypatch, told, may):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told)
    assert device._may_have_bf16() == may


def test_compute_sets_the_dtype_and_puts_it_back():
    layer, x = torch.nn.Linear(4, 4), torch.randn(2, 4)
    with device.compute(torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    with device.compute(torch.float32):
        assert layer(x).dtype == torch.float32
    assert layer(x).dtype == torch.float32


def test_threads_are_checked():
    before = torch.get_num_threads()
    try:
        assert device.set_threads(1) == 1
        with pytest.raises(HeadstartError, match="threads=0"):
            device.set_threads(0)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 100, 900])
def test_threads_keep_the_order_and_raise(monkeypatch, threads, count):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert device.in_threads(lambda item: 2 * item, list(range(count))) == [2 * item for item in range(count)]
    if count:
        with pytest.raises(ZeroDivisionError):
            device.in_threads(lambda item: 1 // (count - 1 - item), list(range(count)))


def test_work_that_waits_is_given_to_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    made_in = device.in_threads(lambda item: (time.sleep(0.002), threading.get_ident())[1], list(range(200)))
    assert sum(one != threading.get_ident() for one in made_in) > 100


def test_what_another_process_computes_in_is_taken_without_a_measurement(monkeypatch):
    monkeypatch.setattr(device, "_measured", lambda kind, convolutions: pytest.fail("it measured"))
    with device.computing_in({"products": "bf16", "convolutions": "fp32"}):
        assert device.compute_dtypes() == {"products": "bf16", "convolutions": "fp32"}
    assert device._told == {}
