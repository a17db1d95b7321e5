"""Files of a task model: JSON for words and numbers, safetensors for arrays; nothing that can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from headstart.base.errors import HeadstartError
from headstart.base.files import read_json, write_bytes, write_json

_JSON, _ARRAYS = "model.json", "model.safetensors"


def write_parts(folder: Path, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write `data` (plain JSON values) and `arrays` into `folder`; see `read_parts`."""
    write_json(folder / _JSON, plain(data))
    write_bytes(folder / _ARRAYS, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def read_parts(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what `write_parts` wrote. Raises HeadstartError in one line when a file is missing or damaged."""
    data = read_json(folder / _JSON)
    path = folder / _ARRAYS
    try:
        arrays = load_file(path)
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise HeadstartError(f"{path}: not a readable safetensors file ({error})") from None
    if not isinstance(data, dict):
        raise HeadstartError(f"{folder / _JSON}: expected an object, found {type(data).__name__}")
    return data, arrays


def plain(value: Any) -> Any:
    """Return `value` with numpy numbers, arrays and tuples turned into what JSON can write."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return value.name
    return value
