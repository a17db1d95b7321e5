"""How a table of lines is written: what ends its cells, whether quotes are marks, where its column names are.

Decided by the contents of its first lines, whatever the ending of the file, and told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headstart.data.columns import LABEL_NAMES, SECOND_NAMES, TEXT_NAMES
from headstart.data.records import Feed, Records, split
from headstart.data.row import Line

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_NAME_LINES = 10  # of the column names, at most
_USUAL = 0.5  # of the lines, at least, have the usual number of cells
_ASKED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # what Excel writes into a first line
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_NUMBERS = 0.9  # of the cells of a column of numbers, at least
_LONG = 20  # characters of a text, on average; a name is much shorter
_NAMES = frozenset((*TEXT_NAMES, *LABEL_NAMES, *SECOND_NAMES, "id", "idx", "index", "no", "name", "date"))


@dataclass(frozen=True)
class Dialect:
    """skipped: lines before the first row, column names included. width: cells of a row. header: the column names, or
    None: there are none. why: of quoted. notes: what else was recognised.
    """

    delimiter: str
    quoted: bool
    why: str
    width: int
    skipped: int = 0
    header: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def dialect(
    head: Sequence[Line],
    *,
    cut: bool = False,
    delimiter: str | None = None,
    quoting: str = "auto",
    header: bool | None = None,
) -> Dialect:
    """Return how the table is written that begins with these lines; what is given is not decided.

    cut: more lines follow. quoting: `yes`, `no` or `auto`. header: whether the first line of the table holds column
    names.
    """
    notes: list[str] = []
    if asked := _ASKED.fullmatch(head[0].text.strip()):
        notes.append(f"its first line says that cells end at {named(asked[1])}")
        head, delimiter = head[1:], delimiter or asked[1]
    delimiter = delimiter or max(DELIMITERS, key=lambda one: _agreement(head, one))
    begin, width, nameless = _begin(head, delimiter)
    body = whole(head[begin:], delimiter, width) if cut else head[begin:]
    if begin:
        notes.append(f"the table begins at line {body[0].number}; the {begin} lines before it are no rows")
    first, lines = _first(body, delimiter)
    names = tuple(first)
    if nameless:
        names = ("", *names)
        notes.append("the rows have one cell more than the column names: the first column has no name")
    quoted, why = (quoting == "yes", "as asked") if quoting != "auto" else _quotes(body, delimiter, width)
    if header is None and (evidence := no_names(names, _rows(body[lines:], delimiter, width, quoted))):
        notes.append(f"its first line is a row, not column names ({evidence}): the columns are 1, 2, 3 ...")
        header = False
    skipped = bool(asked) + begin + (0 if header is False else lines)
    return Dialect(delimiter, quoted, why, width, skipped, None if header is False else names, tuple(notes))


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
    widths = Counter(len(_cells(line.text, delimiter)) for line in head if line.text)
    width, lines = max(widths.items(), key=lambda one: (one[1], one[0]), default=(1, 0))
    return width, lines / max(widths.total(), 1)


def _begin(head: Sequence[Line], delimiter: str) -> tuple[int, int, bool]:
    """Return (lines before the table, cells of its rows, whether the first column has no name)."""
    share, first = _agreement(head, delimiter)
    width, usual = _usual(head[1:], delimiter)
    if width <= 1 or width == first or usual < _USUAL or (first > 1 and share >= _USUAL):
        return 0, first, False
    following = _cells(next((line.text for line in head[1:] if line.text.strip()), ""), delimiter)
    if first == width - 1 > 0 and usual == 1.0 and not any(map(is_usual, following)):
        return 0, width, True
    begin = next(number for number, line in enumerate(head) if len(_cells(line.text, delimiter)) == width)
    return (begin, width, False) if first < width else (0, first, False)


def _quotes(body: Sequence[Line], delimiter: str, width: int) -> tuple[bool, str]:
    """Return (whether quotes are marks, why).

    Between commas they are, unless lines fit only with quotes as text. Between tabs, where most programs write none,
    they are text, unless all records fit and there are signs of marks: quotes around all column names, a cell with a
    tab, a line end or a doubled quote inside.
    """
    if not any('"' in line.text for line in body):
        return delimiter != "\t", "no quote in the first lines"
    records = Records(Feed(iter(body)), delimiter, width, True)
    found = [values for _, values in records]
    fits = [len(values) == width for values in found]
    literal = [line.text.count(delimiter) + 1 == width for line in body if line.text]
    consistent = all(fits) and not records.literal
    if delimiter == "\t":
        names = all(len(name) > 1 and name[0] == name[-1] == '"' for name in body[0].text.split(delimiter))
        doubled = any(f'{delimiter}"' in f"{delimiter}{line.text}" and '""' in line.text for line in body)
        needed = names or doubled or not all(literal)
        if consistent and needed:
            return True, "every row agrees, and some need them"
        return False, "the usual way with tabs"
    if all(literal) and not consistent:
        return False, f"quoting is not consistent in the first {len(body):,} lines"
    return True, f"{sum(fits) - records.literal:,} of the first {len(fits):,} rows agree"


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
    out: list[str] = []
    for position, name in enumerate(names, 1):
        name = _text(name) or str(position)
        while name in out:
            name += "_2"
        out.append(name)
    return out


def _first(head: Sequence[Line], delimiter: str) -> tuple[list[str], int]:
    """Return (cells of the first record, its lines): a column name may have several lines."""
    text = head[0].text if head else ""
    for lines in range(1, min(len(head), _NAME_LINES) + 1):
        found = split(text, delimiter)
        if found.cells is not None or not found.open:
            break
        text += "\n" + head[lines].text if lines < len(head) else ""
    else:
        found, lines = split(text, delimiter), 1
    if found.cells is None:
        return head[0].text.split(delimiter) if head else [""], 1
    return found.cells, lines


def _cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line alone, quotes as marks where they fit."""
    return split(text, delimiter).cells or text.split(delimiter)
