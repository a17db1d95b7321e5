"""Parquet tables through pyarrow, batch by batch; columns of text, numbers and truth values."""

from __future__ import annotations

import datetime
import decimal
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.image_cells import is_image
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, need_no_bomb, refuse, short

_LOOKED_AT = 32  # cells by which a column of images is recognised; damaged ones may be among them
_FIX = "write it uncompressed"
_IMAGES = 16  # rows at a time where there are images: one cell that is listed often may be large


@dataclass(frozen=True, kw_only=True)
class Parquet(ReaderSpec):
    """rows: how many rows are held at a time. Columns hold texts (also as bytes in UTF-8), numbers, truth values,
    dates, lists of these, or images; others are passed over and noted."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    binary: ClassVar[bool] = True
    rows: int = 1024

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the bytes open a parquet file."""
        return head.startswith(b"PAR1")

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield rows; `line` is the row number. Raises HeadstartError when damaged or not a seekable file."""
        import pyarrow as pa
        from pyarrow import parquet

        if not source.stream.seekable():
            raise refuse(
                source.name, "parquet inside a compressed file or pipe cannot be read", "give the .parquet file itself"
            )
        try:
            table = parquet.ParquetFile(source.stream)
            unpacked, size = _unpacked(table), source.stream.seek(0, os.SEEK_END)
            need_no_bomb(source, unpacked, size, _FIX)
            columns, images, bytewise = _usable(table, pa)
        except HeadstartError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise refuse(source.name, f"not a readable parquet file ({short(error)})", "write it again") from None
        if not columns:
            raise HeadstartError(
                f"{source.name}: no column of texts, numbers or images (it has: {', '.join(table.schema_arrow.names)})"
            )
        if passed := [name for name in table.schema_arrow.names if name not in columns]:
            ledger.note(f"passed over nested or binary columns {', '.join(passed)}", source.name)
        number = held = 0
        try:
            rows = min(self.rows, _IMAGES) if images else self.rows
            for batch in table.iter_batches(batch_size=rows, columns=columns):
                for value in batch.to_pylist():
                    number += 1
                    held += sum(_length(value[name]) for name in images)
                    need_no_bomb(source, held, size, _FIX)  # a cell is stored once, however often it is listed
                    yield Row(_cells(value, bytewise), source.name, number)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if not number:
                raise refuse(source.name, f"damaged parquet file ({short(error)})", "write it again") from None
            ledger.complain(f"damaged after row {number:,} ({short(error)}); the rows before were used", source.name)


def _length(cell: Any) -> int:
    """Return the bytes of a cell of images."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    return len(data) if isinstance(data, bytes) else 0


def _unpacked(table: Any) -> int:
    """Return the bytes that all pages would unpack to, by the file's own word."""
    about = table.metadata
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    return sum(group.column(number).total_uncompressed_size for group in groups for number in range(group.num_columns))


def _usable(table: Any, pa: Any) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the columns that are read, of those that hold images, and of those with texts as bytes."""
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    bytewise = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)

    def plain(kind: Any) -> bool:
        if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            return plain(kind.value_type)
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if any(test(kind) for test in lists):
            # Lists of fractions are vectors of another model, not cells.
            return any(test(kind.value_type) for test in (*texts, pa.types.is_integer, pa.types.is_boolean))
        tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_temporal)
        return any(test(kind) for test in (*texts, *tests, pa.types.is_boolean, pa.types.is_null))

    def first_cells(name: str) -> list[Any]:
        """Return the first cells that are not empty; only their row groups are read."""
        batches = table.iter_batches(batch_size=1, columns=[name])
        cells = (batch.to_pylist()[0][name] for batch in batches)
        return list(islice((cell for cell in cells if cell is not None), _LOOKED_AT))

    others = [field for field in table.schema_arrow if not plain(field.type)]
    pictures = [field.name for field in others if any(map(is_image, first_cells(field.name)))]
    written = [
        field.name
        for field in others
        if field.name not in pictures
        and any(test(field.type) for test in bytewise)
        and all(map(_is_text, first_cells(field.name)))
    ]
    passed = {field.name for field in others} - {*pictures, *written}
    return [name for name in table.schema_arrow.names if name not in passed], pictures, written


def _is_text(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cells(row: dict[str, Any], bytewise: list[str]) -> dict[str, Any]:
    """Return a row as other readers give it: texts for bytes, dates and decimal numbers."""
    for name, value in row.items():
        if name in bytewise and value is not None:
            row[name] = value.decode("utf-8", "replace")
        elif isinstance(value, datetime.date | datetime.time):
            row[name] = value.isoformat()
        elif isinstance(value, decimal.Decimal | datetime.timedelta):
            row[name] = str(value)
    return row
