"""Files of a task model: JSON for names and numbers, safetensors for arrays, nothing executable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from headstart.core import migration
from headstart.core.errors import HeadstartError
from headstart.core.files import write_bytes
from headstart.core.json_files import write_json
from headstart.core.migration import FORMAT, read_versioned

_JSON, _ARRAYS = "model.json", "model.safetensors"


def write_parts(folder: Path, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write `data` (plain JSON values) and `arrays` into `folder`; see `read_parts`."""
    write_json(folder / _JSON, {"format": FORMAT} | plain(data))
    write_bytes(folder / _ARRAYS, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def read_parts(folder: Path, kind: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what `write_parts` wrote; kind: what the JSON values are, a `TypedDict` (`part_files.py`).

    Raises HeadstartError, one line with file and key: missing, damaged, a value of another kind.
    """
    data = read_versioned(folder / _JSON, migration.model, kind)
    path = folder / _ARRAYS
    try:
        arrays = load_file(path)
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise HeadstartError(f"{path}: not a readable safetensors file ({str(error).splitlines()[0]})") from None
    return {name: value for name, value in data.items() if name != "format"}, arrays


def plain(value: Any) -> Any:
    """Return `value` with numpy numbers, arrays, tuples and paths turned into JSON values."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return value.name
    return value
