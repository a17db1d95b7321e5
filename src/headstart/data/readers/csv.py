"""Tables of lines: cells end at tabs, commas, semicolons or bars, the first line names the columns where it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.dialect import column_names, dialect, is_usual, named, whole
from headstart.data.ledger import Ledger
from headstart.data.records import Feed, Records
from headstart.data.row import Line, Row, Source, usable
from headstart.data.sheet_cells import is_sheet, unguarded

_SNIFFED_LINES = 1000
_SNIFFED_CHARACTERS = 1 << 22
_HEAD_BYTES = 1 << 16
_FEWEST_LINES = 3  # by which a table is told from plain text
_CLAIMED_LINES = 50  # that are looked at for that


@dataclass(frozen=True, kw_only=True)
class Csv(ReaderSpec):
    """quoting: whether quotes are marks around cells, yes or no; `auto`: by the contents. delimiter: what ends a cell,
    None: by the contents. header: whether the first line names the columns, None: by the contents; without names they
    are 1, 2, 3 ... Cells of 'nan', 'null' or 'NA' are text."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab")
    quoting: Literal["auto", "yes", "no"] = "auto"
    delimiter: str | None = None
    header: bool | None = None
    plain: ClassVar[bool] = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether all rows have as many tabs, or as many other marks under usual column names, and start with text."""
        every = re.split(r"\r\n|\n|\r", head.decode("utf-8", "replace"))
        if cut := len(head) >= _HEAD_BYTES:
            every.pop()  # which may be cut itself
        found = [text for text in every[:_CLAIMED_LINES] if text.strip()]
        if len(found) < _FEWEST_LINES:
            return False
        lines = [Line(number, text) for number, text in enumerate(found)]
        cut = cut or len(every) > _CLAIMED_LINES
        told = dialect(lines, cut=cut)
        mark = told.delimiter
        if told.width < 2 or any(text.startswith(mark) for text in found):
            return False
        if mark != "\t":
            return told.header is not None and any(is_usual(name) for name in told.header)
        lines = whole(lines, mark, told.width) if cut else lines
        records = Records(Feed(iter(lines)), mark, told.width, told.quoted, told.escaped)
        return {len(values) for _, values in records} == {told.width}

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per record, cells by column. Raises HeadstartError: no line."""
        feed = Feed(usable(source, ledger))
        head, cut = feed.peek(_SNIFFED_LINES, _SNIFFED_CHARACTERS)
        if not head:
            raise HeadstartError(f"{source.name}: no header line; a table needs one line of column names")
        asked = {"delimiter": self.delimiter, "quoting": self.quoting, "header": self.header}
        found = dialect(head, cut=cut, source=source.name, **asked)
        marks = "marks" if found.quoted else "text"
        ledger.note(f"cells end at {named(found.delimiter)}, quotes are {marks} ({found.why})", source.name)
        for note in found.notes:
            ledger.note(note, source.name)
        for _ in range(found.skipped):
            feed.take()
        columns = column_names(found.header or [str(number + 1) for number in range(found.width)])
        records = Records(feed, found.delimiter, len(columns), found.quoted, found.escaped)
        header = None if found.header is None else _plain_names(found.header)
        bare = unguarded if is_sheet(columns) else None
        for line, values in records:
            if header is not None and len(values) == len(header) and _plain_names(values) == header:
                ledger.begin()
                ledger.skip("the column names again", source.name, line.number)
            elif len(values) == len(columns):
                yield Row(dict(zip(columns, map(bare, values) if bare else values)), source.name, line.number)
            else:
                ledger.reject(
                    "wrong number of cells", source.name, line.number, f"{len(values)}, the header has {len(columns)}"
                )
        if records.literal:
            ledger.note(f"{records.literal:,} rows with stray quotes were read literally", source.name)
        if records.marked:
            ledger.note(f"in {records.marked:,} rows that fit in no other way, quotes are marks", source.name)


def _plain_names(names: Sequence[str]) -> list[str]:
    """Return names of columns as they are compared: the names that come again may be spelt a little otherwise."""
    return [name.strip(" \t\ufeff").casefold() for name in names]
