"""What is in memory becomes a file: every verb reads files, and what was read can be read again later.

Taken are texts and images (lists, arrays, generators, columns of pandas, polars, pyarrow), tables (pandas, polars,
pyarrow, datasets, dictionaries of columns, lists of rows) and pairs (texts or images, labels). Tables of texts are
written as JSON lines, those with images as parquet with PNG bytes, named by their content, in the user's cache.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.files import as_called, write_bytes
from headstart.core.scratch import lasting_scratch_folder
from headstart.data.dialect import column_names
from headstart.data.encodings import recognised
from headstart.data.image_cells import is_image
from headstart.data.in_memory import is_absent, listed
from headstart.data.open import IN_MEMORY, STDIN, known_suffix
from headstart.data.parquet_bytes import parquet_bytes

Table = dict[str, list[Any]]
_TAKEN = "texts, images, a table (pandas, polars, pyarrow, datasets, columns by name, rows), or (texts, labels)"
_LOOKED_AT = 100  # cells by which a column of images is recognised


def as_files(given: Any, home: Callable[[], Path] | None = None) -> list[str]:
    """Return names of files as they are, and what is in memory as the one file that it was written to.

    home: makes the folder for that file; by default it is in the user's cache, where it can be read again later.
    A list of text is one of names where all of them are files or look like files. Raises HeadstartError: nothing that
    can be read, columns of different lengths, no row.
    """
    names = _names(given)
    return [str(write_table(table_of(given), home))] if names is None else names


def _names(given: Any) -> list[str] | None:
    """Return the names of files, or None where no files are meant."""
    if isinstance(given, str | os.PathLike):
        return [os.fspath(given)]
    if not isinstance(given, list | tuple) or not given:
        return None
    if not all(isinstance(one, str | os.PathLike) for one in given):
        return None
    named = [isinstance(one, os.PathLike) or one == STDIN or _is_there(one) or _looks_like_a_file(one) for one in given]
    return [os.fspath(one) for one in given] if all(named) else None


def _is_there(name: str) -> bool:
    try:
        return Path(as_called(name)).exists()
    except (OSError, ValueError):  # too long for a name, a zero byte
        return False


def _looks_like_a_file(name: str) -> bool:
    return not any(map(str.isspace, name)) and (known_suffix(name) or os.sep in name)


def table_of(given: Any) -> Table:
    """Return the columns of what is in memory, plain values and `ImageRef`s. Raises HeadstartError: see `as_files`."""
    table = {str(name): list(map(_plain, cells)) for name, cells in _columns(given).items()}
    lengths = {name: len(cells) for name, cells in table.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' {rows:,}" for name, rows in lengths.items())
        raise HeadstartError(f"the columns have different numbers of rows: {told}")
    if not any(lengths.values()):
        raise HeadstartError("no row is given; give at least one")
    return table


def _columns(given: Any) -> Mapping[str, Iterable[Any]]:
    library = type(given).__module__.partition(".")[0]
    if library == "pandas":
        if given.ndim == 1:
            return _alone(listed(given))
        names = column_names(list(map(str, given.columns)))  # a frame may have two columns of one name
        return {name: given.iloc[:, place].to_list() for place, name in enumerate(names)}
    if library == "polars" and type(given).__name__ == "LazyFrame":
        given = given.collect()
    if library == "polars":
        return _alone(listed(given)) if type(given).__name__ == "Series" else given.to_dict(as_series=False)
    if library == "pyarrow":
        if "Table" not in type(given).__name__:
            return _alone(listed(given))
        return {name: column.to_pylist() for name, column in zip(column_names(given.column_names), given.columns)}
    if library == "datasets" and "Dict" in type(given).__name__:
        raise HeadstartError(
            f"a {type(given).__name__} holds several parts ({', '.join(given)}); give one: data['train']"
        )
    if library == "datasets":
        return _named_classes(_by_column(list(given)), given.features or {})
    if isinstance(given, Mapping):
        return {name: _cells(cells) for name, cells in given.items()}
    if isinstance(given, tuple) and len(given) == 2 and not any(isinstance(one, str) for one in given):
        (name, items), *more = _alone(_cells(given[0])).items()
        return {name: items, **dict(more), "label": _cells(given[1])}
    if isinstance(given, Iterable):
        return _alone(list(given))
    raise HeadstartError(f"{type(given).__name__} cannot be read; give {_TAKEN}")


def _cells(column: Any) -> list[Any]:
    """Return the cells of one column of any library."""
    columns = list(_columns(column).values()) if not isinstance(column, list) else [column]
    if len(columns) != 1:
        raise HeadstartError(f"one column is wanted, and {type(column).__name__} holds {len(columns)}")
    return list(columns[0])


def _alone(items: list[Any]) -> Table:
    """Return the table of items that come without names: texts, images, pairs of texts, or rows by column."""
    items = [one.item() if isinstance(one, np.ndarray) and one.shape == (1,) else one for one in items]  # of [N, 1]
    first = next((item for item in items if not is_absent(item)), None)
    if isinstance(first, Mapping) and not is_image(first):
        return _by_column(items)
    if is_picture(first):
        return {"image": items}
    if isinstance(first, str | bytes | bool | int | float | np.generic | date):
        return {"text": items}
    if isinstance(first, list | tuple | np.ndarray) and len(first) == 2 and all(isinstance(one, str) for one in first):
        if wrong := next((row for row, item in enumerate(items) if item is None or len(item) != 2), 0):
            raise HeadstartError(f"row {wrong} is no pair of texts like the rows before")
        return {"text": [item[0] for item in items], "text2": [item[1] for item in items]}
    if first is None:
        return {"text": items}
    raise HeadstartError(f"a list of {type(first).__name__} cannot be read; give {_TAKEN}")


def _by_column(rows: Sequence[Mapping[str, Any]]) -> Table:
    wrong = next((place for place, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise HeadstartError(f"row {wrong} is {type(rows[wrong]).__name__}, no columns by name like the rows before")
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _named_classes(table: Table, features: Mapping[str, Any]) -> Table:
    """Return a table of datasets in which a class is its name, not its number; -1 is no class."""
    for name, feature in features.items():
        if type(feature).__name__ == "ClassLabel":
            names = feature.names
            table[name] = [None if one is None or one < 0 else names[one] for one in table[name]]
    return table


def is_picture(value: Any) -> bool:
    """Whether a value is an image: of Pillow, encoded, or pixels of 8 bits."""
    if isinstance(value, Image.Image | ImageRef) or is_image(value):
        return True
    return (
        isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3) and min(value.shape[:2]) > 1
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, or an `ImageRef`; missing values of pandas and numpy are None."""
    if is_absent(value):
        return None
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return float(value)
    if is_picture(value):
        return image_of(value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    return str(value)


def _text(data: bytes) -> str:
    """Return the text of bytes, in the encoding in which they are. Raises HeadstartError: in none that is known."""
    found = recognised(data)
    if found is None:
        raise HeadstartError(f"{data[:20]!r} is no text in an encoding that is recognised; decode it first")
    return data[found.mark :].decode(found.codec, "replace")


def image_of(value: Any) -> ImageRef:
    """Return what `is_picture` accepts as a reference; pixels become PNG. Raises HeadstartError: its file is gone."""
    if isinstance(value, ImageRef):
        return value
    if isinstance(value, bytes):
        return ImageRef.from_bytes(value)
    if isinstance(value, Mapping):
        return ImageRef.from_bytes(value["bytes"]) if value["bytes"] else ImageRef.from_file(Path(value["path"]))
    pixels = value if isinstance(value, Image.Image) else Image.fromarray(value.squeeze() if value.ndim == 3 else value)
    file = io.BytesIO()
    pixels.save(file, "PNG", compress_level=1)
    return ImageRef.from_bytes(file.getvalue())


def write_table(table: Table, home: Callable[[], Path] | None = None) -> Path:
    """Write a table and return its file; in the user's cache (`home` is None) the same table is the same file.

    Raises HeadstartError: the disk refuses.
    """
    images = [name for name, cells in table.items() if any(isinstance(one, ImageRef) for one in cells[:_LOOKED_AT])]
    name, content = (
        (f"{IN_MEMORY}.parquet", _parquet(table, images)) if images else (f"{IN_MEMORY}.jsonl", _json_lines(table))
    )
    try:
        if home is None and (cache := DiskCache.of_user()) is not None:
            return cache.keep(name, content)
        folder = lasting_scratch_folder("memory") if home is None else home()
        path = folder / hashlib.sha256(content).hexdigest()[:32] / name
        write_bytes(path, content)
    except OSError as error:
        raise HeadstartError(
            f"what is in memory cannot be written to the cache; HEADSTART_CACHE names another folder: {error}"
        ) from None
    return path


def _json_lines(table: Table) -> bytes:
    rows = (dict(zip(table, cells)) for cells in zip(*table.values()))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "surrogatepass")


def _parquet(table: Table, images: Sequence[str]) -> bytes:
    encoded = {name: [one.read() if isinstance(one, ImageRef) else None for one in table[name]] for name in images}
    return parquet_bytes(table | encoded, binary=images, compression="none")
