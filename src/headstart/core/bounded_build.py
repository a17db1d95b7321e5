"""Networks that files describe are first built without memory, so that absurd sizes cost nothing and end soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from headstart.core.errors import HeadstartError

_DRAWS = {
    *("normal_", "uniform_", "trunc_normal_", "kaiming_normal_", "kaiming_uniform_"),
    *("xavier_normal_", "xavier_uniform_", "orthogonal_"),
}
_MOST = 20_000  # parts of a network of which no file of weights tells
_SOME, _EACH = 500, 20  # parts of any other network, and more for each tensor of the file
_UNSTORED = 1 << 28  # numbers in buffers that no file holds
_Made = TypeVar("_Made")


class _Undrawn(TorchFunctionMode):
    """Draws no random start: of tensors without memory torch draws by its compiler, whose import takes seconds."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__ in _DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def built_without_memory(make: Callable[[], _Made], where: str, tensors: int | None = None) -> _Made:
    """Return what `make` builds, all of it on torch's `meta` device.

    where: the file that describes it. tensors: how many its file of weights holds, which bounds the parts that are
    built; None = unknown. Raises HeadstartError: more parts than that, sizes that do not work.
    """
    try:
        with torch.device("meta"), _Undrawn(), _at_most(_MOST if tensors is None else _SOME + _EACH * tensors):
            return make()
    except _TooManyError:
        told = "no file of weights holds so many" if tensors is None else f"its weights hold {tensors:,} tensors"
        raise HeadstartError(f"{where}: describes a network of endless parts; {told}") from None
    except HeadstartError as error:
        raise HeadstartError(f"{where}: {error}") from None
    except (RuntimeError, ArithmeticError, TypeError, ValueError, MemoryError, IndexError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise HeadstartError(f"{where}: the network that it describes cannot be built ({reason})") from None


class _TooManyError(Exception):
    pass


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Stop building at so many parts."""
    seen = [0]

    def counted(module: nn.Module, name: str, part: Any) -> None:
        seen[0] += 1
        if seen[0] > count:
            raise _TooManyError

    hooks = [
        register_module_parameter_registration_hook(counted),
        register_module_module_registration_hook(counted),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def need_stored(parts: Mapping[str, nn.Module], stored: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Raise HeadstartError unless a file holds each part's tensors, called `PART.NAME`, and no others of that part.

    parts: built without memory; stored: see `stored_shapes`; where: the file of weights, and what describes the parts.
    """
    for part, module in parts.items():
        own = {name.partition(".")[2]: shape for name, shape in stored.items() if name.startswith(f"{part}.")}
        wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        told = f"{where}: the {part} does not fit its spec"
        if lost := [name for name in wanted if name not in own]:
            raise HeadstartError(f"{told}: tensor {lost[0]} is missing ({len(lost)} of {len(wanted)} are)")
        if more := [name for name in own if name not in wanted]:
            raise HeadstartError(f"{told}: tensor {more[0]} is in the file and has no place ({len(more)} have none)")
        for name, shape in wanted.items():
            if own[name] != shape:
                raise HeadstartError(f"{told}: tensor {name} is {list(own[name])} in the file and {list(shape)} here")
        unstored = sum(one.numel() for name, one in module.named_buffers() if name not in wanted)
        if unstored > _UNSTORED:
            raise HeadstartError(f"{told}: it needs {unstored:,} numbers beside its weights")
