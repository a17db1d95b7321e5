"""Tables of pyarrow as rows of plain values: which columns are read, names of classes, partitions in folder names."""

from __future__ import annotations

import datetime
import decimal
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from headstart.core.errors import HeadstartError
from headstart.data.cell_bytes import counted
from headstart.data.columns import shown_names
from headstart.data.image_cells import is_image
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, short

_LOOKED_AT = 32  # cells by which a column of images or texts is recognised; damaged ones may be among them
_MOST_LOOKED = 4_096  # rows among which these are looked for
_PIECE = 256  # rows that are values at a time
DAMAGE = (OSError, ValueError, MemoryError, OverflowError)  # what pyarrow raises besides: sizes and dates are wrong
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TableColumns:
    """What is read of a table.

    names: the columns. images: those that hold images. bytewise: those with texts as bytes. classes: names of class
    numbers, by column. fixed: cells that are the same in every row of a file, from its folders. passed: other columns.
    """

    names: list[str]
    images: list[str] = field(default_factory=list)
    bytewise: list[str] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)
    fixed: dict[str, str | None] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)

    def row(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return a row as other readers give it: texts for bytes, dates and decimal numbers, names for classes."""
        bytewise = set(self.bytewise)
        for name, value in cells.items():
            if name in bytewise and value is not None:
                cells[name] = value.decode("utf-8", "replace")
            elif name in self.classes and isinstance(value, int):
                # -1 stands for a row without a class in data sets of `datasets`.
                cells[name] = _named(value, self.classes[name])
            elif name in self.classes and isinstance(value, list):
                cells[name] = [_named(one, self.classes[name]) for one in value]
            elif isinstance(value, datetime.date | datetime.time):
                cells[name] = value.isoformat()
            elif isinstance(value, decimal.Decimal | datetime.timedelta):
                cells[name] = str(value)
        return cells | self.fixed


def table_columns(schema: Any, cells_of: Callable[[str], Iterator[Any]], source: str) -> TableColumns:
    """Return what is read of a table with this schema. cells_of(name) yields the cells of a column, as far as wanted.

    Raises HeadstartError: no column of texts, numbers or images; two columns of one name.
    """
    import pyarrow as pa

    if repeated := [name for name, count in Counter(schema.names).items() if count > 1]:
        raise HeadstartError(f"{source}: several columns are called {shown_names(repeated)}; give each its own name")

    bytewise = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    others = [one for one in schema if not _plain(one.type)]
    kinds = {one.name: _referred(one.type) for one in others}
    first = {
        name: _first(cells_of(name))
        for name, kind in kinds.items()
        if any(test(kind) for test in (*bytewise, pa.types.is_struct))
    }
    images = [name for name, cells in first.items() if any(map(is_image, cells))]
    read = set(images)
    written = [
        name
        for name, cells in first.items()
        if name not in read and not pa.types.is_struct(kinds[name]) and all(map(_is_text, cells))
    ]
    read.update(written)
    passed = [one.name for one in others if one.name not in read]
    left_out = set(passed)
    names = [name for name in schema.names if name not in left_out]
    if not names:
        raise HeadstartError(f"{source}: no column of texts, numbers or images (it has: {shown_names(schema.names)})")
    fixed = {name: value for name, value in partitions(source).items() if name not in names}
    return TableColumns(names, images, written, _class_names(schema), fixed, passed)


def partitions(source: str) -> dict[str, str | None]:
    """Return the columns that the folders of a file stand for: `label=good/part-0.parquet`, as Spark and pandas write.

    Only folders right above the file count; a value may be quoted as in a URL.
    """
    found: dict[str, str | None] = {}
    for folder in Path(source).parent.parts[::-1]:
        name, mark, value = folder.partition("=")
        if not mark or not name.strip():
            break
        found = {unquote(name): None if value == _NO_VALUE else unquote(value)} | found
    return found


def table_rows(
    batches: Iterator[Any], columns: TableColumns, source: Source, ledger: Ledger, need: Callable[[int], None]
) -> Iterator[Row]:
    """Yield the rows of record batches; `line` is the number of the row. need(bytes of rows so far): see
    `need_no_bomb`; a file stores a cell once, however often it is listed.

    Damage after the first row is a complaint. Raises HeadstartError, and before the first row what pyarrow raises.
    """
    import pyarrow as pa

    if columns.passed:
        ledger.note(f"passed over nested or binary columns {shown_names(columns.passed)}", source.name)
    number = 0
    try:
        for batch in counted(batches, need):
            pieces = (batch.slice(begin, _PIECE) for begin in range(0, batch.num_rows, _PIECE))
            for value in chain.from_iterable(_listed(piece).to_pylist() for piece in pieces):
                number += 1
                yield Row(columns.row(value), source.name, number)
    except HeadstartError:
        raise
    except (pa.ArrowException, *DAMAGE) as error:
        if not number:
            raise
        ledger.complain(f"damaged after row {number:,} ({short(error)}); the rows before were used", source.name)


def sound(batch: Any) -> Any:
    """Return a record batch. Raises what pyarrow raises: its offsets, sizes or texts are wrong.

    pyarrow does not look at those of a file, and reading the cells by wrong ones ends the process.
    """
    batch.validate(full=True)
    return batch


def _listed(batch: Any) -> Any:
    """Return a record batch in which lists hold texts instead of references to them, which become values much later."""
    import pyarrow as pa

    columns = [
        column.cast(pa.list_(pa.string()))
        if pa.types.is_list(column.type) and column.type.value_type == pa.dictionary(pa.int32(), pa.string())
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(kind: Any) -> bool:
    """Whether cells of this type are texts, numbers, truth values, dates, or lists and records of these."""
    import pyarrow as pa

    kind = _referred(kind)
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_plain(kind.field(place).type) for place in range(kind.num_fields))
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if any(test(kind) for test in lists):
        # Lists of fractions are vectors of another model, not cells.
        return not (pa.types.is_floating(kind.value_type) or pa.types.is_decimal(kind.value_type)) and _plain(
            kind.value_type
        )
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_temporal)
    return any(test(kind) for test in (*texts, *tests, pa.types.is_boolean, pa.types.is_null))


def _referred(kind: Any) -> Any:
    """Return the type of the cells where an array holds references to them."""
    import pyarrow as pa

    while pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    return kind


def _first(cells: Iterator[Any]) -> list[Any]:
    """Return the first cells that are not empty."""
    return list(islice((cell for cell in islice(cells, _MOST_LOOKED) if cell is not None), _LOOKED_AT))


def _is_text(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _named(number: Any, names: list[str]) -> str | None:
    return names[number] if isinstance(number, int) and 0 <= number < len(names) else None


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of class numbers that `datasets` keeps beside a table, by column."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = about["info"]["features"]
        # Of a list of classes: {"feature": {...}, "_type": "Sequence"}.
        inner = {
            name: one["feature"] if isinstance(one.get("feature"), dict) else one for name, one in features.items()
        }
        named = {name: one["names"] for name, one in inner.items() if one.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {
        name: names
        for name, names in named.items()
        if isinstance(names, list) and all(isinstance(one, str) for one in names)
    }
