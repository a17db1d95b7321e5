"""Parquet tables through pyarrow, batch by batch; columns of texts, numbers, truth values, lists and records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.arrow_tables import image_bytes, table_columns
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, need_no_bomb, refuse, short

_FIX = "write it uncompressed"
_IMAGES = 16  # rows at a time where there are images: one cell that is listed often may be large


@dataclass(frozen=True, kw_only=True)
class Parquet(ReaderSpec):
    """rows: how many rows are held at a time. Columns hold texts (also as bytes in UTF-8), numbers, truth values,
    dates, lists or records of these, or images; others are passed over and noted."""

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

        def cells_of(name: str) -> Iterator[Any]:
            batches = table.iter_batches(batch_size=_IMAGES, columns=[name])
            return (cell[name] for batch in batches for cell in batch.to_pylist())

        try:
            table = parquet.ParquetFile(source.stream)
            unpacked, size = _unpacked(table), source.stream.seek(0, os.SEEK_END)
            need_no_bomb(source, unpacked, size, _FIX)
            columns = table_columns(table.schema_arrow, cells_of, source.name)
        except HeadstartError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise refuse(source.name, f"not a readable parquet file ({short(error)})", "write it again") from None
        if columns.passed:
            ledger.note(f"passed over nested or binary columns {', '.join(columns.passed)}", source.name)
        number = held = 0
        try:
            rows = min(self.rows, _IMAGES) if columns.images else self.rows
            for batch in table.iter_batches(batch_size=rows, columns=columns.names):
                for value in batch.to_pylist():
                    number += 1
                    held += sum(image_bytes(value[name]) for name in columns.images)
                    need_no_bomb(source, held, size, _FIX)  # a cell is stored once, however often it is listed
                    yield Row(columns.row(value), source.name, number)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if not number:
                raise refuse(source.name, f"damaged parquet file ({short(error)})", "write it again") from None
            ledger.complain(f"damaged after row {number:,} ({short(error)}); the rows before were used", source.name)


def _unpacked(table: Any) -> int:
    """Return the bytes that all pages would unpack to, by the file's own word."""
    about = table.metadata
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    return sum(group.column(number).total_uncompressed_size for group in groups for number in range(group.num_columns))
