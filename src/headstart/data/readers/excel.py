"""Sheets of Excel (.xlsx, .xlsm) through openpyxl: the values that the cells show, not their formulas."""

from __future__ import annotations

import datetime
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from statistics import mode
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError, nearest
from headstart.core.spec import ReaderSpec
from headstart.data.dialect import column_names, no_names
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, need_no_bomb, refuse, short

MOST_ROWS = 1 << 20
_SNIFFED_ROWS = 1000
_SNIFFED_CELLS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Excel(ReaderSpec):
    """sheet: its name; None: the first one that has rows. header: whether the first row names the columns, None: by
    the contents; without names they are 1, 2, 3 ..."""

    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm")
    binary: ClassVar[bool] = True
    sheet: str | None = None
    header: bool | None = None

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the bytes open a workbook."""
        return head.startswith(b"PK\x03\x04") and b"xl/" in head

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per row of the sheet; `line` is its number there. Raises HeadstartError: damaged, no row."""
        from openpyxl import load_workbook

        if not source.stream.seekable():
            raise refuse(
                source.name, "a workbook inside a compressed file or pipe cannot be read", "give the file itself"
            )
        _need_small(source)
        try:
            book = load_workbook(source.stream, read_only=True, data_only=True)
            rows = self._pick(book, source, ledger)
        except HeadstartError:
            raise
        except Exception as error:  # of damaged files openpyxl raises nearly everything
            raise refuse(source.name, f"not a readable workbook ({short(error)})", "save it again") from None
        head = _head(rows)
        begin, width = _begin([cells for _, cells in head])
        if begin:
            ledger.note(
                f"the table begins at row {head[begin][0]}; the {begin} rows before it are no rows", source.name
            )
        names: list[str] | None = _filled(head[begin][1], width)
        following = [_filled(cells, width) for _, cells in head[begin + 1 :]]
        if self.header is None and (evidence := no_names(names, following)):
            ledger.note(f"its first row is no column names ({evidence}): the columns are 1, 2, 3 ...", source.name)
            names = None
        names = None if self.header is False else names
        columns = column_names(names or [str(number + 1) for number in range(width)])
        beyond = 0
        for number, cells in chain(head[begin + (names is not None) :], rows):
            values = _filled(cells, width)
            beyond += any(cell not in (None, "") for cell in cells[width:])
            if values == names:
                ledger.begin()
                ledger.skip("the column names again", source.name, number)
            else:
                yield Row(dict(zip(columns, values)), source.name, number)
        if beyond:
            ledger.note(
                f"{beyond:,} rows have cells to the right of the columns; these cells are left out", source.name
            )

    def _pick(self, book: Any, source: Source, ledger: Ledger) -> Iterator[tuple[int, list[Any]]]:
        """Return the rows of a sheet that are not empty, with their numbers."""
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        names = [sheet.title for sheet in sheets]
        if self.sheet is not None and self.sheet not in names:
            raise HeadstartError(
                f"{source.name}: no sheet '{self.sheet}'{nearest(self.sheet, names)} (sheets: {', '.join(names)})"
            )
        for sheet in sheets:
            rows = _rows(sheet, source)
            first = next(rows, None) if self.sheet in (None, sheet.title) else None
            if first is not None:
                others = [name for name in names if name != sheet.title]
                more = f"; not read: {', '.join(others)} (sheet=NAME reads another one)" if others else ""
                ledger.note(f"sheet '{sheet.title}'{more}", source.name)
                return chain([first], rows)
        raise HeadstartError(f"{source.name}: no row in its sheets ({', '.join(names)})")


def _head(rows: Iterator[tuple[int, list[Any]]]) -> list[tuple[int, list[Any]]]:
    """Return the rows by which the table is told."""
    head, cells = [], 0
    for row in islice(rows, _SNIFFED_ROWS):
        head.append(row)
        cells += len(row[1])
        if cells >= _SNIFFED_CELLS:
            break
    return head


def _rows(sheet: Any, source: Source) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that are not empty, with their numbers.

    Raises HeadstartError: damaged, a number that no sheet has.
    """
    sheet.reset_dimensions()  # some programs write wrong ones
    try:
        # openpyxl gives every row up to the number of the next one; with a largest number it ends there.
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1), 1):
            if number > MOST_ROWS:
                last = f"a row beyond number {MOST_ROWS:,}, the last one of a sheet"
                raise refuse(source.name, last, "save it again")
            values = [_value(cell) for cell in cells]
            if any(value not in (None, "") for value in values):
                yield number, values
    except HeadstartError:
        raise
    except Exception as error:
        raise refuse(source.name, f"damaged workbook ({short(error)})", "save it again") from None


def _value(cell: Any) -> Any:
    """Return a text, a number, a truth value or None; whole numbers without a point, dates as ISO 8601."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, str):
        return cell.replace("_x000D_", "").replace("\r\n", "\n")
    return cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell)


def _begin(rows: list[list[Any]]) -> tuple[int, int]:
    """Return (rows before the table, its columns): a title above a table has fewer cells than the table."""
    widths = [max(place + 1 for place, value in enumerate(cells) if value not in (None, "")) for cells in rows]
    filled = [sum(value not in (None, "") for value in cells) for cells in rows]
    usual = mode(filled)
    begin = next(number for number, count in enumerate(filled) if count >= usual)
    if begin and _names_but_first(rows[begin - 1], rows[begin], usual):
        begin -= 1
    return begin, max(widths[begin:])


def _names_but_first(cells: list[Any], following: list[Any], usual: int) -> bool:
    """Whether a row names all columns but the first, as pandas writes a frame with its index."""
    rest = cells[1:usual]
    return (
        usual > 2
        and cells[0] in (None, "")
        and following[0] not in (None, "")
        and len(rest) == usual - 1
        and all(isinstance(value, str) and value for value in rest)
    )


def _filled(cells: list[Any], width: int) -> list[Any]:
    return [*cells, *[None] * width][:width]


def _need_small(source: Source) -> None:
    """Raise HeadstartError: it would unpack to far more than it is, or it is no archive."""
    try:
        with zipfile.ZipFile(source.stream) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except Exception as error:
        raise refuse(source.name, f"not a readable workbook ({short(error)})", "save it again") from None
    size = source.stream.seek(0, os.SEEK_END)
    need_no_bomb(source.name, unpacked, size, "save it again")
