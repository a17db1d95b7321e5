"""Files of tensors: written straight to the disk, read whole; the library's own errors become those of the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from headstart.core.errors import HeadstartError
from headstart.core.files import writing

if TYPE_CHECKING:
    from torch import Tensor

_CODE = re.compile(r"\(os error (\d+)\)")  # how Rust ends an error of the system


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors to a safetensors file, without all of it in memory once more; not durable, `write_folder` is.

    Tensors are contiguous and share no memory. Raises DiskError: no room, a fault of the disk, no permission.
    """
    from safetensors.torch import save_file

    with writing(path, need=sum(tensor.nbytes for tensor in tensors.values())), _as_os_error():
        save_file(dict(tensors), path, metadata)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, mapped into memory.

    Raises HeadstartError: no such file, no sound one.
    """
    with _opened(path) as stream:
        return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes in the head of a safetensors file, by name; the numbers are not read.

    Raises HeadstartError: no such file, no sound one.
    """
    with _opened(path) as stream:
        return {name: tuple(stream.get_slice(name).get_shape()) for name in stream.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file for torch; what the library says against it becomes one line."""
    try:
        with safe_open(path, "pt") as stream:
            yield stream
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise HeadstartError(f"{path}: not a sound safetensors file ({str(error).splitlines()[0]})") from None


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Raise as OSError what safetensors raises as an error of its own: it tells the number in its text alone."""
    try:
        yield
    except SafetensorError as error:
        found = _CODE.search(str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from None
