"""Tables with a header line: .csv with quoting where it is consistent (RFC 4180), .tsv without any quoting."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Line, Row, Source, usable
from headstart.data.sheet_cells import is_sheet, unguarded

_SNIFFED_LINES = 1000
_ROW_LINES = 200  # largest number of lines of a quoted cell; beyond it the opening quote is a stray quote
_LOST_SEARCHES = 20  # after this many quotes without an end no further lines are searched


@dataclass(frozen=True, kw_only=True)
class Csv(ReaderSpec):
    """quoting: `auto` decides by the file (see `read`). delimiter: None = tab, comma or semicolon, by the header.

    header: false names the columns 1, 2, 3 ... A cell of 'nan', 'null' or 'NA' is text.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab")
    quoting: Literal["auto", "yes", "no"] = "auto"
    delimiter: str | None = None
    header: bool = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the first lines of an unnamed stream hold the same number of tabs."""
        tabs = [line.count(b"\t") for line in head.split(b"\n")[:20][:-1] if line.strip()]
        return len(tabs) > 1 and tabs[0] > 0 and len(set(tabs)) == 1

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per record, cells by column.

        With tabs, quotes are text. With other delimiters the first 1,000 lines decide whether quoting is consistent;
        a single record whose quotes do not fit is still read literally when that gives the right number of cells.
        Raises HeadstartError: no header.
        """
        feed = _Feed(usable(source, ledger))
        first = feed.take()
        if first is None:
            raise HeadstartError(f"{source.name}: no header line; a table needs one line of column names")
        delimiter = self.delimiter or max("\t,;", key=first.text.count)
        quoted, why = self._decide(feed.peek(_SNIFFED_LINES), first, delimiter)
        ledger.note(
            f"cells end at {_NAMES.get(delimiter, delimiter)}, quotes are {'marks' if quoted else 'text'} ({why})",
            source.name,
        )
        cells = (quoted and _split(first.text, delimiter).cells) or first.text.split(delimiter)
        columns = _columns(cells if self.header else [str(i + 1) for i in range(len(cells))])
        if not self.header:
            feed.push([first])
        records = _Records(feed, delimiter, len(columns), quoted)
        bare = unguarded if is_sheet(columns) else None
        for line, values in records:
            if len(values) == len(columns):
                yield Row(dict(zip(columns, map(bare, values) if bare else values)), source.name, line.number)
            else:
                ledger.reject(
                    "wrong number of cells", source.name, line.number, f"{len(values)}, the header has {len(columns)}"
                )
        if records.literal:
            ledger.note(f"{records.literal:,} rows with stray quotes were read literally", source.name)

    def _decide(self, head: list[Line], first: Line, delimiter: str) -> tuple[bool, str]:
        """Return (whether quotes delimit cells, why)."""
        if self.quoting != "auto":
            return self.quoting == "yes", "as asked"
        if delimiter == "\t":
            return False, "the rule for tabs"
        if not any('"' in line.text for line in head):
            return True, "no quote in the first lines"
        width = len(_split(first.text, delimiter).cells or first.text.split(delimiter))
        records = _Records(_Feed(iter(head)), delimiter, width, True)
        fits = [len(values) == width for _, values in records]
        literal = [line.text.count(delimiter) + 1 == width for line in head]
        if all(literal) and (records.literal or not all(fits)):
            return False, f"quoting is not consistent in the first {len(head):,} lines"
        return True, f"{sum(fits) - records.literal:,} of the first {len(fits):,} rows agree"


_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon"}


@dataclass
class _Feed:
    """Lines with look-ahead."""

    lines: Iterator[Line]
    ahead: deque[Line] = field(default_factory=deque)

    def take(self) -> Line | None:
        return self.ahead.popleft() if self.ahead else next(self.lines, None)

    def peek(self, count: int) -> list[Line]:
        while len(self.ahead) < count and (line := next(self.lines, None)) is not None:
            self.ahead.append(line)
        return list(self.ahead)

    def push(self, back: list[Line]) -> None:
        self.ahead.extendleft(reversed(back))


@dataclass(frozen=True, slots=True)
class _Split:
    """cells: None if the quotes are inconsistent; open: a quoted cell does not end on this line."""

    cells: list[str] | None
    open: bool = False


@cache
def _pattern(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'(?:"([^"]*+(?:""[^"]*+)*+)"|((?!")[^{mark}]*+))({mark}|\Z)')


def _split(text: str, delimiter: str) -> _Split:
    """Split one record by RFC 4180; quotes inside an unquoted cell are text."""
    cells: list[str] = []
    position = 0
    pattern = _pattern(delimiter)
    while True:
        match = pattern.match(text, position)
        if match is None:
            rest = text[position + 1 :].replace('""', "")
            return _Split(None, open='"' not in rest)
        quoted, plain, end = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if not end:
            return _Split(cells)


class _Records:
    """Iterate (first line, cells); `literal` counts the records whose stray quotes were taken as text."""

    def __init__(self, feed: _Feed, delimiter: str, width: int, quoted: bool):
        self.feed, self.delimiter, self.width, self.quoted = feed, delimiter, width, quoted
        self.literal = 0
        self.lost = 0

    def __iter__(self) -> Iterator[tuple[Line, list[str]]]:
        while (line := self.feed.take()) is not None:
            if self.quoted and '"' in line.text:
                yield line, self._quoted(line)
            elif line.text:  # a blank line is no row
                yield line, line.text.split(self.delimiter)

    def _quoted(self, line: Line) -> list[str]:
        split = _split(line.text, self.delimiter)
        if split.cells is not None and len(split.cells) == self.width:
            return split.cells
        if split.open and self.lost < _LOST_SEARCHES and (cells := self._across(line)) is not None:
            return cells
        cells = line.text.split(self.delimiter)
        self.literal += len(cells) == self.width
        return split.cells if split.cells is not None and len(cells) != self.width else cells

    def _across(self, line: Line) -> list[str] | None:
        """Join following lines until the quoted cell ends and the record is whole; else give them back."""
        text, taken = line.text, []
        fits = line.text.count(self.delimiter) + 1 == self.width
        while len(taken) < _ROW_LINES and (following := self.feed.take()) is not None:
            taken.append(following)
            if fits and following.text.count(self.delimiter) + 1 == self.width:
                break  # both lines are whole rows when read literally: a stray quote
            text += "\n" + following.text
            if '"' in following.text:
                split = _split(text, self.delimiter)
                if split.cells is not None and len(split.cells) == self.width:
                    return split.cells
                if not split.open:
                    break
        self.lost += 1
        self.feed.push(taken)
        return None


def _columns(names: list[str]) -> list[str]:
    """Return the header without blanks around names; empty ones get their number, repeated ones a suffix."""
    out: list[str] = []
    for position, name in enumerate(names, 1):
        name = name.strip() or str(position)
        while name in out:
            name += "_2"
        out.append(name)
    return out
