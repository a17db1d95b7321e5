"""Records of a table: lines split into cells, quotes as marks (RFC 4180) or as text, cells of several lines."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from headstart.data.row import MAX_ROW_BYTES, Line

ROW_LINES = 200  # largest number of lines of a quoted cell; beyond it the opening quote is a stray quote
_ROW_CHARACTERS = MAX_ROW_BYTES  # of these lines
_SWALLOWED = 3  # so many whole rows between two quotes are rows, and the quotes stray ones
_ESCAPE = re.compile(r"\\([\"\\\n])")
_LOST_SEARCHES = 20  # after this many quotes without an end no further lines are searched


@dataclass
class Feed:
    """Lines with look-ahead."""

    lines: Iterator[Line]
    ahead: deque[Line] = field(default_factory=deque)

    def take(self) -> Line | None:
        """Return the next line, None at the end."""
        return self.ahead.popleft() if self.ahead else next(self.lines, None)

    def peek(self, count: int, characters: int) -> tuple[list[Line], bool]:
        """Return (lines to come, which are not taken, blank ones before the first aside; whether more follow).

        At most `count` lines, and no further one once they have so many characters.
        """
        while (first := self.take()) is not None and not first.text.strip():
            pass
        if first is None:
            return [], False
        self.push([first])
        held = sum(len(line.text) for line in self.ahead)
        while len(self.ahead) < count and held < characters:
            if (line := next(self.lines, None)) is None:
                return list(self.ahead), False
            self.ahead.append(line)
            held += len(line.text)
        return list(self.ahead), True

    def push(self, back: list[Line]) -> None:
        """Give lines back."""
        self.ahead.extendleft(reversed(back))


@dataclass(frozen=True, slots=True)
class Split:
    """cells: None if the quotes are inconsistent; open: a quoted cell does not end on this line. before, rest: then the
    cells before the one where it failed, and the text from there on."""

    cells: list[str] | None
    open: bool = False
    before: tuple[str, ...] = ()
    rest: str = ""


# What stands between two quotes, by whether a quote may be written \".
_INSIDE = {
    False: re.compile(r'[^"]*+(?:""[^"]*+)*+', re.DOTALL),
    True: re.compile(r'[^"\\]*+(?:(?:""|\\.)[^"\\]*+)*+', re.DOTALL),
}


@cache
def _pattern(delimiter: str, escaped: bool) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    blank = "" if delimiter == "\t" else " *"  # some programs write a space between a comma and a quote
    return re.compile(rf'(?:{blank}"({_INSIDE[escaped].pattern})"{blank}|((?!")[^{mark}]*+))({mark}|\Z)', re.DOTALL)


def split(text: str, delimiter: str, escaped: bool = False, before: Sequence[str] = ()) -> Split:
    """Split one record by RFC 4180; quotes inside an unquoted cell are text. escaped: a quote may be written \\".

    before: cells of the record that stand before this text.
    """
    cells = list(before)
    position = 0
    pattern = _pattern(delimiter, escaped)
    while True:
        match = pattern.match(text, position)
        if match is None:
            opens = _INSIDE[escaped].fullmatch(f"{text}\n", position + 1) is not None
            return Split(None, opens, tuple(cells), text[position:])
        quoted, plain, end = match.groups()
        if quoted is not None:
            plain = quoted.replace('""', '"')
        cells.append(_ESCAPE.sub(r"\1", plain) if escaped else plain)
        position = match.end()
        if not end:
            return Split(cells)


class Records:
    """Iterate (first line, cells) of records that should have `width` cells.

    quoted: whether quotes are marks. Where they are, a record whose quotes do not fit is still read literally when that
    gives the right number of cells. Where they are text, a record that does not fit, or whose cell opens a quote, is
    read with quotes as marks when that gives the right number. literal, marked: counts of such records. escaped: see
    `split`.
    """

    def __init__(self, feed: Feed, delimiter: str, width: int, quoted: bool, escaped: bool = False):
        self.feed, self.delimiter, self.width, self.quoted, self.escaped = feed, delimiter, width, quoted, escaped
        self.literal = self.marked = self.lost = 0

    def __iter__(self) -> Iterator[tuple[Line, list[str]]]:
        while (line := self.feed.take()) is not None:
            if '"' in line.text:
                yield line, self._quoted(line) if self.quoted else self._plain(line)
            elif line.text:  # a blank line is no row
                yield line, line.text.split(self.delimiter)

    def _quoted(self, line: Line) -> list[str]:
        found = self._split(line.text)
        if found.cells is not None and len(found.cells) == self.width:
            return found.cells
        if found.open and (cells := self._across(line, found)) is not None:
            return cells
        cells = line.text.split(self.delimiter)
        self.literal += len(cells) == self.width
        return found.cells if found.cells is not None and len(cells) != self.width else cells

    def _plain(self, line: Line) -> list[str]:
        cells = line.text.split(self.delimiter)
        fits, doubled = len(cells) == self.width, '""' in line.text  # a doubled quote is one within marks
        if fits and not doubled and not cells[-1].startswith('"'):
            return cells
        found = self._split(line.text)
        whole = found.cells is not None and len(found.cells) == self.width
        marked = found.cells if whole and (doubled or not fits) else None
        if marked is None and found.open:
            marked = self._across(line, found)
        self.marked += marked is not None
        return cells if marked is None else marked

    def _across(self, line: Line, found: Split) -> list[str] | None:
        """Join following lines until the quoted cell ends and the record is whole; else give them back.

        found: the first line, whose last cell does not end. Each cell is split once, when it ends or is a stray quote.
        """
        if self.lost >= _LOST_SEARCHES:
            return None
        taken: list[Line] = []
        parts, held = [found.rest], len(line.text)
        rows = [self._is_row(line)]  # whether each line is a whole row when it is read literally
        while len(taken) < ROW_LINES and held <= _ROW_CHARACTERS:
            if (following := self.feed.take()) is None:
                break
            taken.append(following)
            rows.append(self._is_row(following))
            parts.append(following.text)
            held += len(following.text)
            if _INSIDE[self.escaped].fullmatch(f"{following.text}\n"):
                continue  # all of it is inside of the cell
            found = split("\n".join(parts), self.delimiter, self.escaped, found.before)
            if found.cells is not None and len(found.cells) == self.width:
                if all(rows) and len(rows) - 2 >= _SWALLOWED:
                    break
                return found.cells
            if not found.open:
                break
            parts = [found.rest]
        self.lost += 1
        self.feed.push(taken)
        return None

    def _is_row(self, line: Line) -> bool:
        return line.text.count(self.delimiter) + 1 == self.width

    def _split(self, text: str) -> Split:
        return split(text, self.delimiter, self.escaped)
