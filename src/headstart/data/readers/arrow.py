"""Arrow tables (IPC files and streams, Feather), as `datasets.save_to_disk`, pandas and polars write them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.arrow_buffers import FILE, STREAM, unpacked_bytes
from headstart.data.arrow_tables import DAMAGE, sound, table_columns, table_rows
from headstart.data.cell_bytes import counted
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, need_no_bomb, refuse, short

_FIX = "write it uncompressed and without dictionaries"


@dataclass(frozen=True, kw_only=True)
class Arrow(ReaderSpec):
    """Columns as of `parquet`."""

    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc")
    binary: ClassVar[bool] = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the bytes open an Arrow file."""
        return head.startswith(FILE)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield rows; `line` is the row number. Raises HeadstartError when damaged or not a seekable file."""
        import pyarrow as pa

        if not source.stream.seekable():
            raise refuse(
                source.name, "an Arrow table inside a compressed file or pipe cannot be read", "give the file itself"
            )
        size = source.stream.seek(0, os.SEEK_END)

        def need(unpacked: int) -> None:
            need_no_bomb(source.name, unpacked, size, _FIX)

        try:
            need(sum(unpacked_bytes(source.stream)))
            columns = table_columns(_opened(source)[0], lambda name: _cells(source, name, need), source.name)
            batches = (batch.select(columns.names) for batch in _opened(source)[1])
            yield from table_rows(batches, columns, source, ledger, need)
        except HeadstartError:
            raise
        except (pa.ArrowException, *DAMAGE) as error:
            raise refuse(source.name, f"not a readable Arrow table ({short(error)})", "write it again") from None


def _opened(source: Source) -> tuple[Any, Iterator[Any]]:
    """Return (schema, batches) from the start of a file or stream. Raises what pyarrow raises, HeadstartError."""
    from pyarrow import ipc

    source.stream.seek(0)
    head = source.stream.peek(len(FILE))[: len(FILE)]
    if head.startswith(FILE):
        table = ipc.open_file(source.stream)
        return table.schema, map(sound, map(table.get_batch, range(table.num_record_batches)))
    if not head.startswith(STREAM):
        raise refuse(source.name, "no Arrow table", "Feather of version 1 and other formats: write it again")
    table = ipc.open_stream(source.stream)
    return table.schema, map(sound, table)


def _cells(source: Source, name: str, need: Callable[[int], None]) -> Iterator[Any]:
    batches = counted((batch.select([name]) for batch in _opened(source)[1]), need)
    return (cell.as_py() for batch in batches for cell in batch.column(0))
