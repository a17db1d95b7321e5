"""A program of its own: turns a torch file of tensors into safetensors, and can do nothing else.

`python unpickle.py SOURCE TARGET`. torch reads with `weights_only`, which builds tensors and plain containers alone;
should a file get past that, the guard ends the program before it writes, connects or starts anything. It imports
nothing of headstart, so that it is as small as it looks.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_HOLDERS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema")  # what tensors lie under
_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.remove",
              "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.putenv", "shutil.",
              "ctypes.")  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def guard(event: str, values: tuple[Any, ...]) -> None:
    """Raise on anything but reading, for `sys.addaudithook`, which nothing can take away again."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"the file wants {event}")
    if event == "open":
        path, mode, flags = values
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & _WRITING):
            raise PermissionError(f"the file wants to write {path}")


def tensors_in(loaded: Any) -> dict[str, Any]:
    """Return the tensors by name, of a state dict or of a training checkpoint around one. Raises ValueError."""
    import torch

    if not isinstance(loaded, dict):
        raise ValueError(f"it holds a {type(loaded).__name__}, expected tensors by name")
    found = {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    if found and len(found) == len(loaded) and all(isinstance(name, str) for name in found):
        return found
    for name in _HOLDERS:
        if isinstance(loaded.get(name), dict):
            return tensors_in(loaded[name])
    raise ValueError(f"it holds no tensors by name, neither alone nor under {', '.join(_HOLDERS)}")


def main(source: str, target: str) -> None:
    """Read `source` under guard and write `target`."""
    import torch
    from safetensors.torch import save_file

    sys.addaudithook(guard)
    tensors = tensors_in(torch.load(source, map_location="cpu", weights_only=True))
    save_file({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split())[:300])
