"""Parquet tables through pyarrow, batch by batch; columns of texts, numbers, truth values, lists and records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.arrow_tables import DAMAGE, sound, table_columns, table_rows
from headstart.data.ledger import Ledger
from headstart.data.row import ROW_BYTES, Row, Source, need_no_bomb, refuse, short

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

        def need(held: int) -> None:
            need_no_bomb(source.name, held, size, _FIX)

        def cells_of(name: str) -> Iterator[Any]:
            batches = map(sound, table.iter_batches(batch_size=_IMAGES, columns=[name]))
            return (cell[name] for batch in batches for cell in batch.to_pylist())

        try:
            table = parquet.ParquetFile(source.stream)
            unpacked, size = _unpacked(table), source.stream.seek(0, os.SEEK_END)
            need(unpacked)
            columns = table_columns(table.schema_arrow, cells_of, source.name)
        except HeadstartError:
            raise
        except (pa.ArrowException, *DAMAGE) as error:
            raise refuse(source.name, f"not a readable parquet file ({short(error)})", "write it again") from None
        rows = min(self.rows, _IMAGES) if columns.images else self.rows
        batches = map(sound, table.iter_batches(batch_size=rows, columns=columns.names))
        try:
            yield from table_rows(batches, columns, source, ledger, need)
        except HeadstartError:
            raise
        except (pa.ArrowException, *DAMAGE) as error:
            raise refuse(source.name, f"damaged parquet file ({short(error)})", "write it again") from None


def _unpacked(table: Any) -> int:
    """Return the bytes that all pages and rows would unpack to, by the file's own word."""
    about = table.metadata
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    pages = sum(one.column(number).total_uncompressed_size for one in groups for number in range(one.num_columns))
    return pages + ROW_BYTES * about.num_rows
