"""Device, threads, and the number format of training: bf16 where a 50 ms self-test says that it is faster here."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch

from headstart.core.errors import HeadstartError, unknown

A, B = TypeVar("A"), TypeVar("B")
_DEVICES = ("auto", "cpu", "cuda", "mps")
_chosen: ContextVar[torch.device | None] = ContextVar("device", default=None)
_told: dict[bool, ComputeChoice] = {}  # by `convolutions`: what holds in a block of `computing_in`
# bf16 must win by this much: below it, the rounding buys nothing.
_WORTH = 1.15
# bf16 that takes so many times as long is no effect of a busy moment: one round decides. Without bf16 units a round
# takes up to half a second.
_CLEAR = 5
# oneDNN keeps what it has compiled for each shape of a product in bf16, and torch keeps descriptions beside: 0.6 MB
# or more each, of 1,024 shapes. Batches of text hardly ever have a shape again; the layers of a step share theirs.
for _kept in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_kept, "64")  # read at the first product
_AT_ONCE = 16  # items that a thread is given together
_RACED = 4  # blocks, at most, by which the quicker way is found


@dataclass(frozen=True)
class ComputeChoice:
    """dtype: what to compute in; reason: one phrase for people; fp32_ms, bf16_ms: of the self-test (0 = not run)."""

    dtype: torch.dtype
    reason: str
    fp32_ms: float = 0.0
    bf16_ms: float = 0.0

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')} ({self.reason})"


def pick_device() -> torch.device:
    """Return the device that `use_device` set, else the accelerator when there is one, else the CPU."""
    return _chosen.get() or _best()


def use_device(name: str = "auto") -> torch.device:
    """Let everything that is opened or trained from now on be on device `name`, and return that device.

    name: auto (the accelerator when there is one, else the CPU), cpu, cuda, cuda:1 ..., mps. The choice belongs to the
    context (thread) that made it. Raises HeadstartError: unknown, or this machine does not have it.
    """
    kind, _, index = name.partition(":")
    if kind not in _DEVICES or (index and (kind != "cuda" or not index.isdigit())):
        raise unknown("device", name, (*_DEVICES, "cuda:1"))
    if kind == "cuda" and not torch.cuda.is_available():
        raise HeadstartError(f"device {name}: torch {torch.__version__} finds no CUDA GPU here; take cpu or auto")
    if index and int(index) >= torch.cuda.device_count():
        most = torch.cuda.device_count() - 1
        raise HeadstartError(f"device {name}: this machine has cuda:0 to cuda:{most}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise HeadstartError("device mps: torch finds no Apple GPU here; take cpu or auto")
    device = _best() if kind == "auto" else torch.device(name)
    _chosen.set(device)
    return device


def device_name(device: torch.device) -> str:
    """Return how a device is called in receipts and messages: its kind with the name of the chip."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()})"


def _best() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def set_threads(count: int | None = None) -> int:
    """Set torch's threads to `count`, or to what the process may use, and return the number.

    OMP_NUM_THREADS wins over the default. Raises HeadstartError when `count` is below 1.
    """
    if count is None:
        given = os.environ.get("OMP_NUM_THREADS", "")
        count = int(given) if given.isdigit() and int(given) > 0 else cores()
    if count < 1:
        raise HeadstartError(f"threads={count}: expected at least 1")
    torch.set_num_threads(count)
    return count


def in_threads(function: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Return `function` of each item, in order, made side by side where that is quicker.

    Decoding frees Python's lock, but around small images there is so little of it that threads only wait for each
    other: the first blocks are made both ways, and the others in the quicker one.
    """
    threads = torch.get_num_threads()
    if len(items) < 2 or threads < 2:
        return [function(item) for item in items]
    block = max(1, min(_AT_ONCE, len(items) // (8 * threads)))
    blocks = [items[start : start + block] for start in range(0, len(items), block)]

    def work(some: Sequence[A]) -> list[B]:
        return [function(item) for item in some]

    raced = max(1, min(_RACED, len(blocks) // (4 * threads)))  # blocks for each way, and for each thread
    first, second = 1 + raced, 1 + raced + raced * threads
    made = work(blocks[0])  # what is set up at first is no part of the race
    begun = time.perf_counter()
    made += [one for some in blocks[1:first] for one in work(some)]
    alone = time.perf_counter() - begun
    with ThreadPoolExecutor(threads) as workers:
        begun = time.perf_counter()
        made += [one for some in workers.map(work, blocks[first:second]) for one in some]
        together = (time.perf_counter() - begun) / threads
        each = workers.map if together < alone else map
        return made + [one for some in each(work, blocks[second:]) for one in some]


def cores() -> int:
    """Return how many cores this process may use; systems without affinity know only how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def computing_in(names: Mapping[str, str]) -> Iterator[None]:
    """Compute in what another process chose while the block runs, instead of measuring; see `compute_dtypes`."""
    before = dict(_told)
    for kind, name in names.items():
        dtype = torch.bfloat16 if name == "bf16" else torch.float32
        _told[kind == "convolutions"] = ComputeChoice(dtype, "another process chose it")
    try:
        yield
    finally:
        _told.clear()
        _told.update(before)


def compute_dtypes() -> dict[str, str]:
    """Return what networks are trained in here: `bf16` or `fp32`, of matrix `products` and of `convolutions`."""
    kind = pick_device().type
    found = {name: pick_compute_dtype(kind, name == "convolutions") for name in ("products", "convolutions")}
    return {name: "bf16" if one.dtype == torch.bfloat16 else "fp32" for name, one in found.items()}


def pick_compute_dtype(kind: str = "cpu", convolutions: bool = False) -> ComputeChoice:
    """Return what to train in on device `kind` (`cpu`, `cuda` or `mps`); measured once per process, if nobody told."""
    return _told.get(convolutions) or _measured(kind, convolutions)


@cache
def _measured(kind: str, convolutions: bool) -> ComputeChoice:
    """Return what a measurement, or the kind of the device, says.

    convolutions: most weights of the network are in convolutions, which are measured instead of matrix products: on a
    chip that computes products 1.4 times as fast in bf16, those of 3 x 3 pixels took longer than in fp32. A CPU's flag
    for bf16 is no promise that it is faster; without one it is 2 to 30 times slower, and nothing is measured.
    """
    if kind == "cuda":
        if torch.cuda.is_bf16_supported():
            return ComputeChoice(torch.bfloat16, "this GPU has bf16 units")
        return ComputeChoice(torch.float32, "this GPU has no bf16 units")
    if kind == "mps":
        return ComputeChoice(torch.float32, "bf16 is not measured on this kind of GPU")
    if not _may_have_bf16():
        return ComputeChoice(torch.float32, "this CPU has no bf16 units")
    slow, fast = _race(convolutions)
    ratio = slow / fast
    dtype = torch.bfloat16 if ratio >= _WORTH else torch.float32
    reason = f"self-test: bf16 takes {1 / ratio:.2f} of the time of fp32"
    return ComputeChoice(dtype, reason, round(slow * 1e3, 3), round(fast * 1e3, 3))


def _may_have_bf16() -> bool:
    """Return False where the processor says that it has no instruction for sums of bf16 products."""
    told = vars(torch.cpu).get("get_capabilities", dict)()  # an older torch does not say
    return told.get("architecture") != "x86_64" or any(told.get(name, True) for name in ("avx512_bf16", "amx_bf16"))


def _race(convolutions: bool) -> tuple[float, float]:
    """Return best seconds (fp32, bf16), forward and backward: 50 ms after set-up, three rounds unless one is clear.

    Of the matrix products of a small transformer, or of two convolutions of a small residual network.
    """
    generator = torch.Generator().manual_seed(0)
    best = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    tensors = {}
    for dtype in best:
        if convolutions:
            x, shapes = torch.randn(64, 32, 14, 14, generator=generator), ((64, 32, 3, 3), (64, 64, 3, 3))
        else:
            x, shapes = torch.randn(1024, 128, generator=generator), ((128, 512), (512, 128))
        weights = [torch.randn(*shape, generator=generator) for shape in shapes]
        layout = {"memory_format": torch.channels_last} if convolutions else {}
        x, *weights = (one.to(dtype, **layout) for one in (x, *weights))
        tensors[dtype] = (x, [weight.requires_grad_() for weight in weights])

    def once(dtype: torch.dtype) -> float:
        x, (up, down) = tensors[dtype]
        up.grad = down.grad = None
        start = time.perf_counter()
        out = torch.conv2d(torch.conv2d(x, up, padding=1), down, padding=1) if convolutions else x @ up @ down
        out.backward(torch.ones_like(out))
        return time.perf_counter() - start

    for dtype in best:  # the first of each kind sets up its kernels, up to 250 ms; it must not be counted
        once(dtype)
    rounds, stop = 0, time.perf_counter() + 0.05
    while time.perf_counter() < stop or rounds < (1 if best[torch.bfloat16] > _CLEAR * best[torch.float32] else 3):
        for dtype in best:  # in turn, so that a busy moment hits both
            best[dtype] = min(best[dtype], once(dtype))
        rounds += 1
    return best[torch.float32], best[torch.bfloat16]


@contextlib.contextmanager
def compute(dtype: torch.dtype, kind: str = "cpu") -> Iterator[None]:
    """Compute forward passes inside in `dtype`; weights, gradients and the optimizer stay fp32.

    Weights are cast once per entry (autocast's cache), so enter it once per step, around the forward passes; casting
    them by hand beforehand measured the same, and so did a residual stream in bf16, hence that stays in fp32.
    """
    if dtype == torch.float32:
        yield
        return
    with torch.autocast(kind, dtype=dtype):
        yield
