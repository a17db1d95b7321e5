"""Arrow tables (IPC files and streams, Feather), as `datasets.save_to_disk`, pandas and polars write them."""

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

_FILE, _STREAM = b"ARROW1\x00\x00", b"\xff\xff\xff\xff"
_FIX = "write it uncompressed"


@dataclass(frozen=True, kw_only=True)
class Arrow(ReaderSpec):
    """Columns as of `parquet`."""

    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc")
    binary: ClassVar[bool] = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the bytes open an Arrow file."""
        return head.startswith(_FILE)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield rows; `line` is the row number. Raises HeadstartError when damaged or not a seekable file."""
        import pyarrow as pa

        if not source.stream.seekable():
            raise refuse(
                source.name, "an Arrow table inside a compressed file or pipe cannot be read", "give the file itself"
            )
        number = unpacked = 0
        try:
            size = source.stream.seek(0, os.SEEK_END)
            columns = table_columns(_opened(source)[0], lambda name: _cells(source, name), source.name)
            if columns.passed:
                ledger.note(f"passed over nested or binary columns {', '.join(columns.passed)}", source.name)
            for batch in _opened(source)[1]:
                unpacked += batch.nbytes
                need_no_bomb(source, unpacked, size, _FIX)
                held = 0
                for value in batch.select(columns.names).to_pylist():
                    number += 1
                    held += sum(image_bytes(value[name]) for name in columns.images)
                    need_no_bomb(source, held, size, _FIX)  # a cell is stored once, however often it is listed
                    yield Row(columns.row(value), source.name, number)
        except HeadstartError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            if not number:
                raise refuse(source.name, f"not a readable Arrow table ({short(error)})", "write it again") from None
            ledger.complain(f"damaged after row {number:,} ({short(error)}); the rows before were used", source.name)


def _opened(source: Source) -> tuple[Any, Iterator[Any]]:
    """Return (schema, batches) from the start of a file or stream. Raises what pyarrow raises, HeadstartError."""
    from pyarrow import ipc

    source.stream.seek(0)
    head = source.stream.peek(len(_FILE))[: len(_FILE)]
    if head.startswith(_FILE):
        table = ipc.open_file(source.stream)
        return table.schema, (table.get_batch(number) for number in range(table.num_record_batches))
    if not head.startswith(_STREAM):
        raise refuse(source.name, "no Arrow table", "Feather of version 1 and other formats: write it again")
    table = ipc.open_stream(source.stream)
    return table.schema, iter(table)


def _cells(source: Source, name: str) -> Iterator[Any]:
    return (cell for batch in _opened(source)[1] for part in batch.column(name) for cell in [part.as_py()])
