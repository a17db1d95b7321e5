"""Parquet tables through pyarrow, batch by batch; columns of text, numbers and truth values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.image_cells import is_image
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, refuse

_LOOKED_AT = 32  # cells by which a column of images is recognised; damaged ones may be among them


@dataclass(frozen=True, kw_only=True)
class Parquet(ReaderSpec):
    """rows: how many rows are held at a time. Nested and binary columns without images are passed over and noted."""

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
            columns = _usable(table, pa)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise refuse(source.name, f"not a readable parquet file ({_short(error)})", "write it again") from None
        if not columns:
            raise HeadstartError(
                f"{source.name}: no column of text, numbers or images (it has: {', '.join(table.schema_arrow.names)})"
            )
        if passed := [name for name in table.schema_arrow.names if name not in columns]:
            ledger.note(f"passed over nested or binary columns {', '.join(passed)}", source.name)
        number = 0
        try:
            for batch in table.iter_batches(batch_size=self.rows, columns=columns):
                for value in batch.to_pylist():
                    number += 1
                    yield Row(value, source.name, number)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if not number:
                raise refuse(source.name, f"damaged parquet file ({_short(error)})", "write it again") from None
            ledger.complain(f"damaged after row {number:,} ({_short(error)}); the rows before were used", source.name)


def _usable(table: Any, pa: Any) -> list[str]:
    """Return the names of the columns that hold one text, number, truth value or image per row."""

    def plain(kind: Any) -> bool:
        if pa.types.is_dictionary(kind):
            return plain(kind.value_type)
        tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)
        return any(test(kind) for test in (*tests, pa.types.is_boolean, pa.types.is_null))

    def images(name: str) -> bool:
        """Whether one of the first cells holds an image; only their row group is read, unless they are empty."""
        batches = table.iter_batches(batch_size=1, columns=[name])
        cells = (batch.to_pylist()[0][name] for batch in batches)
        return any(is_image(cell) for cell in islice((cell for cell in cells if cell is not None), _LOOKED_AT))

    return [field.name for field in table.schema_arrow if plain(field.type) or images(field.name)]


def _short(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120]
