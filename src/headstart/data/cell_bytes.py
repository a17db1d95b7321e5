"""How many bytes cells of pyarrow become, told before they are values: a text counts each time it is listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from headstart.data.row import ROW_BYTES

_ITEM = 8  # bytes that an item of a list takes at least


def counted(batches: Iterator[Any], need: Callable[[int], None]) -> Iterator[Any]:
    """Yield record batches; need(bytes of their rows so far) is asked before."""
    held = 0
    for batch in batches:
        held += ROW_BYTES * batch.num_rows + sum(map(held_bytes, batch.columns))
        need(held)
        yield batch


def held_bytes(array: Any) -> int:
    """Return the bytes of the texts and of the items of lists in an array; numbers in cells count with their row."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_struct(kind):
        return sum(map(held_bytes, array.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        items = array.flatten()
        return _ITEM * len(items) + held_bytes(items)
    if pa.types.is_dictionary(kind):
        return int(_lengths(array.dictionary)[array.indices.drop_null().to_numpy()].sum())
    if pa.types.is_run_end_encoded(kind):
        ends = np.clip(array.run_ends.to_numpy().astype(np.int64) - array.offset, 0, len(array))
        return int(_lengths(array.values) @ np.diff(ends, prepend=0))
    return int(_lengths(array).sum())


def _lengths(array: Any) -> np.ndarray:
    """Return the bytes of each value, int64 [values]; of records and lists, of all together."""
    import pyarrow as pa
    from pyarrow import compute

    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # A view of 16 bytes begins with the length.
        views = np.frombuffer(array.buffers()[1], "<i4")[::4][array.offset : array.offset + len(array)]
        return np.where(array.is_valid().to_numpy(zero_copy_only=False), views, 0).astype(np.int64)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    if any(test(kind) for test in (*texts, pa.types.is_fixed_size_binary)):
        return compute.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.full(len(array), held_bytes(array) if pa.types.is_nested(kind) else 0)
