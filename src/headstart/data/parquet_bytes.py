"""Columns in memory as the bytes of a parquet file."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def parquet_bytes(
    columns: Mapping[str, Sequence[Any]], *, binary: Collection[str] = (), compression: str = "snappy"
) -> bytes:
    """Return a file of these columns; one with values of several kinds becomes text. binary: columns of bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    made: dict[str, Any] = {}
    for name, cells in columns.items():
        if name in binary:
            made[name] = pa.array(cells, pa.binary())
            continue
        try:
            made[name] = pa.array(cells)
        except (pa.ArrowException, OverflowError):  # values of several kinds
            made[name] = pa.array([None if one is None else str(one) for one in cells])
    file = io.BytesIO()
    parquet.write_table(pa.table(made), file, compression=compression)
    return file.getvalue()
