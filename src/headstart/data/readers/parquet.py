"""Parquet tables through pyarrow, batch by batch; columns of texts, numbers, truth values, lists and records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.arrow_tables import DAMAGE, sound, table_columns, table_rows
from headstart.data.cell_bytes import counted
from headstart.data.ledger import Ledger
from headstart.data.parquet_pages import columns_of, pages_of
from headstart.data.row import ROW_BYTES, ByteStream, Row, Source, most_unpacked, need_no_bomb, refuse, short

_FIX = "write it uncompressed and without dictionaries"
_ROWS = 1024
_IMAGES = 16  # rows at a time where there are images: one cell that is listed often may be large


@dataclass(frozen=True, kw_only=True)
class Parquet(ReaderSpec):
    """rows: how many rows are held at a time. Columns hold texts (also as bytes in UTF-8), numbers, truth values,
    dates, lists or records of these, or images; others are passed over and noted."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    binary: ClassVar[bool] = True
    rows: int = _ROWS

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
            batches = map(sound, table.iter_batches(batch_size=min(most, _IMAGES), columns=[name]))
            return (cell[name] for batch in counted(batches, need) for cell in batch.to_pylist())

        try:
            size = source.stream.seek(0, os.SEEK_END)
            table = parquet.ParquetFile(source.stream)
            most, listed = _bounds(table, source.stream, need, most_unpacked(size))
            table = parquet.ParquetFile(source.stream, read_dictionary=listed)
            columns = table_columns(table.schema_arrow, cells_of, source.name)
            rows = min(self.rows, most, _IMAGES) if columns.images else min(self.rows, most)
            batches = map(sound, table.iter_batches(batch_size=rows, columns=columns.names))
            yield from table_rows(batches, columns, source, ledger, need)
        except HeadstartError:
            raise
        except (pa.ArrowException, *DAMAGE) as error:
            raise refuse(source.name, f"not a readable parquet file ({short(error)})", "write it again") from None


def _bounds(table: Any, stream: ByteStream, need: Callable[[int], None], most: int) -> tuple[int, list[str]]:
    """Return (how many rows take at most so many bytes, columns of lists that are to be read as references to texts).

    need(bytes that all pages and rows unpack to). One text that is written once may stand in each row, and in each
    place of a list.
    """
    unpacked, widest, listed = ROW_BYTES * table.metadata.num_rows, 1, []
    columns = [table.schema.column(number) for number in range(len(table.schema))]
    for group in columns_of(stream):
        width = 0
        for column, place in zip(columns, group, strict=True):
            pages = pages_of(stream, place)
            unpacked += pages.unpacked
            if "BYTE_ARRAY" not in column.physical_type:
                continue
            width += pages.dictionary + pages.delta
            if column.max_repetition_level and pages.dictionary * pages.values > most:
                listed.append(column.path)
        widest = max(widest, width)
        need(unpacked)
    return max(1, most // widest), listed
