"""The processes that train one model: who they are, how they wait for each other, sums and rows over all of them.

A rank is one of the processes that torchrun started. Alone, every function here returns what it is given and no torch
collective is ever called, so that what is written for several ranks costs one process nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from headstart.core.device import pick_device, use_device
from headstart.core.errors import HeadstartError
from headstart.core.launched import Launched, launched

T = TypeVar("T")
_ANSWER = timedelta(minutes=30)  # in which every rank must come to a common step
_PATIENCE = timedelta(days=7)  # for what one rank does while the others wait: preparing a corpus
# What torch says when another process is gone; gloo raises a plain RuntimeError.
_LOST = ("gloo", "nccl", "connection", "socket", "timed out")


@dataclass(frozen=True)
class _Joined:
    """place: which rank it is; waiting: the group in which others wait for the first for as long as it takes."""

    place: Launched
    waiting: dist.ProcessGroup


_joined: _Joined | None = None
_idle = False


def world() -> int:
    """Return how many processes train together; 1 outside `joined`."""
    return 1 if _joined is None else _joined.place.world


def rank() -> int:
    """Return the number of this process among them."""
    return 0 if _joined is None else _joined.place.rank


def is_first() -> bool:
    """Whether this process is the one that writes files and speaks."""
    return rank() == 0


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Be one of the ranks that torchrun started while the block runs; started alone, run the block as it is.

    With CUDA each rank takes the GPU of its number on its machine. Raises HeadstartError: more processes than GPUs, a
    device that cannot be shared out, another rank is gone.
    """
    global _joined
    place = launched()
    if place.world == 1 or _joined is not None:
        yield
        return
    kind = _take_device(place)
    with touching():
        dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo", timeout=_ANSWER)
        _joined = _Joined(place, dist.new_group(backend="gloo", timeout=_PATIENCE))
    try:
        with touching():
            yield
            dist.barrier(_joined.waiting)
        dist.destroy_process_group()
    finally:
        # After an error the group is left as it is: to take it down would wait for ranks that may be gone, and ending
        # the process closes its connections, by which the others learn of it.
        _joined = None


def _take_device(place: Launched) -> str:
    """Let this process compute where its rank should, and return the kind of device. Raises HeadstartError."""
    kind = pick_device().type
    if kind == "mps":
        raise HeadstartError(f"{place.world} processes: one Apple GPU cannot be shared out; add --device cpu")
    if kind == "cuda":
        if place.local >= (found := torch.cuda.device_count()):
            raise HeadstartError(
                f"process {place.local + 1} of this machine has no GPU: torch finds {found}; start by "
                f"torchrun --nproc-per-node {found}"
            )
        torch.cuda.set_device(use_device(f"cuda:{place.local}"))
    return kind


@contextlib.contextmanager
def touching() -> Iterator[None]:
    """Turn torch's errors of a lost connection inside the block into one line. Raises HeadstartError."""
    try:
        yield
    except RuntimeError as error:
        text = " ".join(str(error).split())
        if not any(word in text.lower() for word in _LOST):
            raise
        raise HeadstartError(
            f"rank {launched().rank}: another process of the run ended or cannot be reached ({text[:120]}); what was "
            "saved is kept, the same command with --resume goes on from there"
        ) from None


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """Let the first rank run the block before the others run theirs, and all wait until the last is done.

    Raises HeadstartError on the others when it failed on the first.
    """
    if _joined is None:
        yield
        return
    if not is_first():
        _hear()
        yield
    else:
        try:
            yield
        except BaseException as error:
            _send({"failed": _reason(error)})
            raise
        _send({"done": None})
    dist.barrier(_joined.waiting)


def of_first(make: Callable[[], T]) -> T:
    """Return what `make` returns on the first rank, as JSON holds it; the others wait for it and do not call it.

    Raises HeadstartError on the others when it failed on the first.
    """
    if _joined is None:
        return make()
    if not is_first():
        return _hear()
    try:
        made = make()
    except BaseException as error:
        _send({"failed": _reason(error)})
        raise
    _send({"done": made})
    return made


def _reason(error: BaseException) -> str:
    return str(error.args[0]) if isinstance(error, HeadstartError) and error.args else type(error).__name__


def _send(message: dict[str, Any]) -> None:
    text = torch.frombuffer(bytearray(json.dumps(message).encode()), dtype=torch.uint8)
    dist.broadcast(torch.tensor([len(text)]), 0, group=_joined.waiting)
    dist.broadcast(text, 0, group=_joined.waiting)


def _hear() -> Any:
    length = torch.zeros(1, dtype=torch.int64)
    dist.broadcast(length, 0, group=_joined.waiting)
    text = torch.empty(int(length), dtype=torch.uint8)
    dist.broadcast(text, 0, group=_joined.waiting)
    message = json.loads(bytes(text.tolist()))
    if "failed" in message:
        raise HeadstartError(f"rank {rank()}: the first process of the run stopped: {message['failed']}")
    return message["done"]


def exchanged(values: Sequence[float]) -> Tensor:
    """Return what every rank gives here, float64 [world, len(values)] on the CPU; no device waits for it."""
    own = torch.tensor(values, dtype=torch.float64)
    return own[None] if _joined is None else torch.stack(_of_all(own))


def _of_all(own: Tensor) -> list[Tensor]:
    """Return the tensors of all ranks, which are of one shape."""
    every = [torch.empty_like(own) for _ in range(world())]
    dist.all_gather(every, own)
    return every


def of_every(value: T) -> list[T]:
    """Return what every rank gives here, plain data as JSON holds it."""
    if _joined is None:
        return [value]
    text = json.dumps(value).encode()
    sizes = [int(size) for size in exchanged([len(text)]).flatten()]
    own = torch.frombuffer(bytearray(text.ljust(max(sizes))), dtype=torch.uint8)
    return [json.loads(bytes(part.tolist())) for part in _of_all(own)]


def summed(values: Tensor) -> Tensor:
    """Return the sum of the tensor over all ranks, without gradient."""
    if _joined is None:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total


@contextlib.contextmanager
def standing_in(idle: bool) -> Iterator[None]:
    """While the block runs, this rank computes on a stand-in where its share is empty: nothing it gives counts."""
    global _idle
    before, _idle = _idle, idle
    try:
        yield
    finally:
        _idle = before


def is_idle() -> bool:
    """Whether this rank computes on a stand-in; what it counts must not be counted."""
    return _idle


class Gathered(NamedTuple):
    """own: the rows that this rank adds, none when it is idle; every: those of all ranks in their order; start: where
    its own begin in them."""

    own: Tensor
    every: Tensor
    start: int


def gathered(values: Tensor) -> Gathered:
    """Return the rows of all ranks; gradients flow back to the rank that a row is of. Ranks may give unequally many.

    The rows of the ranks in their order are those of one process in its order (`training/shares.py`).
    """
    if _joined is None:
        return Gathered(values, values, 0)
    own = values[:0] if _idle else values
    sizes = [int(size) for size in exchanged([len(own)]).flatten()]
    start = sum(sizes[: rank()])
    return Gathered(own, _Gather.apply(own, sizes, start), start)


class _Gather(torch.autograd.Function):
    """All rows from each rank's own; backward sums what all ranks say about a row."""

    @staticmethod
    def forward(context: Any, own: Tensor, sizes: list[int], start: int) -> Tensor:
        context.start, context.count = start, len(own)
        padded = own.new_zeros(max(1, *sizes), *own.shape[1:])
        padded[: len(own)] = own
        return torch.cat([one[:size] for one, size in zip(_of_all(padded), sizes)])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        total = summed(gradient.contiguous())
        return total[context.start : context.start + context.count], None, None
