"""How a table of lines is written: what ends its cells, whether quotes are marks, where its column names are.

Decided by the contents of its first lines, whatever the ending of the file, and told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headstart.data.columns import LABEL_NAMES, SECOND_NAMES, TEXT_NAMES, need_columns
from headstart.data.records import Feed, Records, split
from headstart.data.row import Line

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_NAME_LINES = 10  # of the column names, at most
_USUAL = 0.5  # of the lines, at least, have the usual number of cells
_ASKED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # what Excel writes into a first line
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_NUMBERS = 0.9  # of the cells of a column of numbers, at least
_TITLES = 12  # lines, at most, that are looked at for titles
_SUFFIXES = 8  # columns of one name whose suffixes are written out
_STRAY = 0.1  # of the lines that open a quote, at most, are stray ones
_FEWEST_WRAPPED = 3  # cells by which a column is known as quoted
_LONG = 20  # characters of a text, on average; a name is much shorter
_NAMES = frozenset(
    (*TEXT_NAMES, *LABEL_NAMES, *SECOND_NAMES, "id", "idx", "index", "no", "name", "date")
    + ("번호", "순번", "이름", "작성자", "작성일", "날짜", "별점", "평점", "제목")
)


@dataclass(frozen=True)
class Dialect:
    """skipped: lines before the first row, column names included. width: cells of a row. header: the column names, or
    None: there are none. quoted: whether quotes are marks; escaped: whether one within them may be written \\". why: of
    quoted. notes: what else was recognised.
    """

    delimiter: str
    quoted: bool
    escaped: bool
    why: str
    width: int
    skipped: int
    header: tuple[str, ...] | None
    notes: tuple[str, ...]


def dialect(
    head: Sequence[Line],
    *,
    cut: bool = False,
    delimiter: str | None = None,
    quoting: str = "auto",
    header: bool | None = None,
    source: str = "",
) -> Dialect:
    """Return how the table is written that begins with these lines; what is given is not decided.

    cut: more lines follow. quoting: `yes`, `no` or `auto`. header: whether the first line of the table holds column
    names. source: for messages. Raises HeadstartError: more columns than are read.
    """
    notes: list[str] = []
    if asked := _ASKED.fullmatch(head[0].text.strip(" \r\ufeff")):
        notes.append(f"its first line says that cells end at {named(asked[1])}")
        head, delimiter = head[1:], delimiter or asked[1]
    delimiter = delimiter or max(DELIMITERS, key=lambda one: _agreement(head, one))
    titles = _titles(head, delimiter)
    begin, width, nameless = _begin(head[titles:], delimiter)
    need_columns(width, source)
    begin += titles
    body = whole(head[begin:], delimiter, width) if cut else head[begin:]
    if begin:
        notes.append(f"the table begins at line {body[0].number}; the {begin} lines before it are no rows")
    first, lines = _first(body, delimiter)
    names = tuple(first)
    if nameless:
        # A mark after the last cell of every row makes no column before the first one.
        trailing = all(not _cells(line.text, delimiter)[-1].strip() for line in body[lines:] if line.text.strip())
        names = (*names, "") if trailing else ("", *names)
        place = "last" if trailing else "first"
        notes.append(f"the rows have one cell more than the column names: the {place} column has no name")
    width = len(names)  # lines alone, of which `_begin` tells it, may be parts of records
    quoted, escaped, why = _quotes(body[0], body[lines:] or body, delimiter, width)
    if quoting != "auto":
        quoted, why = quoting == "yes", "as asked"
    if header is None and (evidence := no_names(names, _rows(body[lines:], delimiter, width, quoted))):
        notes.append(f"its first line is a row, not column names ({evidence}): the columns are 1, 2, 3 ...")
        header = False
    skipped = bool(asked) + begin + (0 if header is False else lines)
    return Dialect(delimiter, quoted, escaped, why, width, skipped, None if header is False else names, tuple(notes))


def whole(lines: Sequence[Line], delimiter: str, width: int) -> Sequence[Line]:
    """Return lines without a last record of which the rest is missing: its quoted cell does not end."""
    fits = [(line, len(values) == width) for line, values in Records(Feed(iter(lines)), delimiter, width, True)]
    last = max((number for number, (_, fit) in enumerate(fits) if fit), default=-1)
    if last + 1 >= len(fits):
        return lines
    begin = next(number for number, line in enumerate(lines) if line is fits[last + 1][0])
    open_cell = split("\n".join(line.text for line in lines[begin:]), delimiter).open
    return lines[:begin] if open_cell and begin else lines


def named(delimiter: str) -> str:
    """Return the name of a delimiter."""
    return DELIMITERS.get(delimiter, delimiter)


def is_usual(name: str) -> bool:
    """Whether many tables have a column of that name."""
    return name.strip().casefold() in _NAMES


def _agreement(head: Sequence[Line], delimiter: str) -> tuple[float, int]:
    """Return (share of the records with as many cells as the first line, or as usual; the cells of the first line)."""
    cells, lines = _first(head, delimiter)
    if (first := len(cells)) > 1:
        found = [len(values) == first for _, values in Records(Feed(iter(head[lines:])), delimiter, first, True)]
        return (sum(found) / len(found) if found else 1.0), first
    width, share = _usual(head, delimiter)
    return (share if width > 1 else 0.0), first


def _usual(head: Sequence[Line], delimiter: str) -> tuple[int, float]:
    """Return (the usual number of cells of a line, the share of the lines that have it)."""
    widths = Counter(len(_cells(line.text, delimiter)) for line in head if line.text) or Counter([1])
    width, lines = max(widths.items(), key=lambda one: (one[1], one[0]))
    return width, lines / widths.total()


def _begin(head: Sequence[Line], delimiter: str) -> tuple[int, int, bool]:
    """Return (lines before the table, cells of its rows, whether the first column has no name)."""
    share, first = _agreement(head, delimiter)
    width, usual = _usual(head[1:], delimiter)
    if width <= first or usual < _USUAL or (first > 1 and share >= _USUAL):
        return 0, first, False
    following = _cells(next((line.text for line in head[1:] if line.text.strip()), ""), delimiter)
    if first == width - 1 and usual == 1.0 and not any(map(is_usual, following)):
        return 0, width, True
    begin = next(number for number, line in enumerate(head) if len(_cells(line.text, delimiter)) == width)
    return begin, width, False


def _titles(head: Sequence[Line], delimiter: str) -> int:
    """Return how many lines before the column names are padded to the width of the table, or comments with commas.

    Such a line has one filled cell, or none, or begins with #, or is followed by a line with two usual names of columns
    and has none itself.
    """
    cells = [[cell.strip() for cell in _cells(line.text, delimiter)] for line in head[:_TITLES]]
    names = [sum(map(is_usual, row)) for row in cells]
    for number, row in enumerate(cells[:-1]):
        filled = sum(map(bool, row))
        rest = next((later for later in range(number + 1, len(cells)) if any(cells[later])), None)
        if rest is None or names[number] > 1:
            return number
        padded = filled == 1 and bool(row[0]) and len(row) == len(cells[rest]) and sum(map(bool, cells[rest])) > 1
        title = padded and not names[number] and (len(row) > 2 or names[rest] > 0)
        comment = row[0].startswith("#") and len(row[0]) > 1 and not cells[rest][0].startswith("#")
        above = names[rest] > max(names[number], 1) and len(row) == len(cells[rest])
        # Lines of one cell alone, however many the table has, are told by `_begin`.
        if len(row) == 1 or not (filled == 0 or title or comment or above):
            return number
    return 0


def _quotes(header: Line, rows: Sequence[Line], delimiter: str, width: int) -> tuple[bool, bool, str]:
    """Return (whether quotes are marks, whether \\" is a quote within them, why).

    Between commas quotes are marks, unless lines fit only with quotes as text. Between tabs, where most programs write
    none, they are text, unless the records fit and there are signs of marks: quotes around all names, or around all
    cells of a column, a cell with a tab, a line end or a doubled quote inside. A few records with a stray quote decide
    nothing. Where quotes are written \\" none is doubled.
    """
    if not any('"' in line.text for line in rows):
        return delimiter != "\t", False, "no quote in the first lines"
    opened = sum(bool(re.search(rf'(?:^|{re.escape(delimiter)}) *"', line.text)) for line in rows)
    tries = [False, True] if any('\\"' in line.text for line in rows) else [False]
    found = {escaped: _misfits(rows, delimiter, width, escaped) for escaped in tries}
    alone = not any('""' in line.text for line in rows)
    escaped = min(tries, key=lambda one: (found[one], one != alone))
    misfits, records = found[escaped]
    few = misfits <= _STRAY * opened
    literal = [line.text.count(delimiter) + 1 == width for line in rows if line.text]
    if delimiter == "\t":
        doubled = any(f'{delimiter}"' in f"{delimiter}{line.text}" and '""' in line.text for line in rows)
        names = all(len(name) > 1 and name[0] == name[-1] == '"' for name in header.text.split(delimiter))
        needed = names or doubled or not all(literal) or _wrapped(rows, delimiter, width)
        told = "every row agrees, and some need them" if not misfits else "nearly all rows agree, and some need them"
        return (True, escaped, told) if few and needed else (False, False, "the usual way with tabs")
    if all(literal) and not few:
        return False, False, f"quoting is not consistent in the first {len(rows):,} lines"
    return True, escaped, f"{records - misfits:,} of the first {records:,} rows agree"


def _misfits(rows: Sequence[Line], delimiter: str, width: int, escaped: bool) -> tuple[int, int]:
    """Return (records that do not fit with quotes as marks, all records)."""
    records = Records(Feed(iter(rows)), delimiter, width, True, escaped)
    fits = [len(values) == width for _, values in records]
    return fits.count(False) + records.literal, len(fits)


def _wrapped(rows: Sequence[Line], delimiter: str, width: int) -> bool:
    """Whether quotes are around all cells of a column that are not empty."""
    cells = [line.text.split(delimiter) for line in rows]
    columns = zip(*(row for row in cells if len(row) == width))
    return any(
        len(filled) >= _FEWEST_WRAPPED and all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in filled)
        for filled in ([cell for cell in column if cell] for column in columns)
    )


def _rows(body: Sequence[Line], delimiter: str, width: int, quoted: bool) -> list[list[str]]:
    """Return the whole records among these lines."""
    return [values for _, values in Records(Feed(iter(body)), delimiter, width, quoted) if len(values) == width]


def no_names(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """Return why the first line of a table is a row, or nothing: its cells are values of their columns.

    Cells may be texts, numbers or None.
    """
    names = [_text(name) for name in names]
    if not rows or any(map(is_usual, names)):
        return ""
    columns = [Counter(_text(row[place]) for row in rows) for place in range(len(names))]
    long = [sum(len(_text(row[place])) for row in rows) >= _LONG * len(rows) for place in range(len(names))]
    named_text = any(is_long and " " not in name and len(name) < _LONG for name, is_long in zip(names, long))
    texts = any(is_long and " " in name for name, is_long in zip(names, long))
    for name, column, is_long in zip(names, columns, long):
        number = _NUMBER.fullmatch(name)
        if column[name] > 1 and 2 * len(column) <= len(rows) and not is_long and (number or not named_text):
            return f"'{name[:20]}' occurs {column[name]:,} times below"
        numbers = sum(rows for value, rows in column.items() if _NUMBER.fullmatch(value))
        if number and texts and numbers >= _NUMBERS * len(rows):
            return f"'{name[:20]}' is a number as those below"
    return ""


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def column_names(names: Sequence[Any]) -> list[str]:
    """Return names of columns without blanks around them; empty ones get their number, repeated ones a suffix."""
    out: dict[str, None] = {}
    suffixes = Counter[str]()  # by name, how many a column of that name got last
    for position, name in enumerate(names, 1):
        name = _text(name) or str(position)
        free, count = name, suffixes[name]
        while free in out:
            count += 1
            free = f"{name}_{count + 1}" if count >= _SUFFIXES else name + "_2" * count
        suffixes[name] = count
        out[free] = None
    return list(out)


def _first(head: Sequence[Line], delimiter: str) -> tuple[list[str], int]:
    """Return (cells of the first record, its lines): a column name may have several lines."""
    for lines in range(1, _NAME_LINES + 1):
        found = split("\n".join(line.text for line in head[:lines]), delimiter)
        if found.cells is not None:
            return found.cells, lines
    return head[0].text.split(delimiter), 1


def _cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line alone, quotes as marks where they fit."""
    return split(text, delimiter).cells or text.split(delimiter)
