"""Task files: labelled rows for training and testing, items for predicting; every skipped row is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef, need_one_kind, takes_of
from headstart.core.item_nouns import one_item
from headstart.core.normal_form import normal_form
from headstart.data.columns import (
    SECOND_NAMES,
    cell,
    check_column,
    columns_of,
    guess_label,
    guess_text,
    label_cell,
    label_columns,
    named_columns,
    sample_rows,
    shown_names,
)
from headstart.data.ledger import Ledger
from headstart.data.open import as_paths, expand, read_rows, shown
from headstart.data.read_how import current
from headstart.data.read_request import ReadRequest
from headstart.data.row import Row
from headstart.images.decode import UnusableImage, decode

# guess(first rows, file, columns that are taken) -> (column, why); raises HeadstartError.
Guess = Callable[[Sequence[dict[str, Any]], str, Sequence[str]], tuple[str, str]]
_LACKING = {"text": "empty text", "image": "no image"}  # reasons, by what the other rows hold
GUESSES: Mapping[str, Guess] = {"text": guess_text, "label": guess_label}


class Unusable(Exception):
    """A row cannot be used. reason: a short phrase shared by rows; detail: what is wrong with this row; lost: the file
    seems to be read in a wrong way, as where many spans lie beyond their texts."""

    def __init__(self, reason: str, detail: str = "", lost: bool = False):
        super().__init__(reason)
        self.reason, self.detail, self.lost = reason, detail, lost


@dataclass(frozen=True)
class Columns:
    """The column names of one file; None = not read, or not yet known."""

    text: str | None = None
    text2: str | None = None
    label: str | None = None
    group: str | None = None


@dataclass
class Gathered:
    """The used rows, column by column; where: names of their files, for messages."""

    where: str = ""
    items: list[str | ImageRef] = field(default_factory=list)
    second: list[str | ImageRef] = field(default_factory=list)
    targets: list[Any] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)

    def add(self, item: str | ImageRef, row: Row) -> None:
        """Add an item. Raises HeadstartError: a text among images, or the other way round."""
        if self.items:
            need_one_kind(self.items[0], item, row.source)
        self.items.append(item)

    def take(self, rows: Sequence[int]) -> Gathered:
        """Return the rows with these numbers."""
        columns = ("items", "second", "targets", "groups", "places")
        return replace(self, **{name: [own[row] for row in rows] for name in columns if (own := getattr(self, name))})

    def examples(self, **answers: Any) -> Examples:
        """Return the items with `answers`, the other fields of `Examples`."""
        more = {"groups": self.groups or None, "places": self.places}
        return Examples(items=self.items, second=self.second or None, **more, **answers)


def read_labelled(
    request: ReadRequest,
    target: Callable[[Any, list[Any]], Any],
    *,
    guesses: Mapping[str, Guess] = GUESSES,
    verbatim: bool = False,
) -> tuple[Gathered, Ledger]:
    """Return (rows, ledger) of labelled files; `ledger.columns` holds the columns used.

    target(value of the label column, the items) -> answer of the row; if it raises `Unusable`, the row is skipped.
    guesses: functions that find columns which are needed but neither named nor remembered. Rows with empty text are
    skipped and named. verbatim: texts stay as they are, otherwise they are NFC. Raises HeadstartError: no such column,
    no usable row.
    """
    ledger = Ledger()
    names = expand(request.paths, ledger)
    gathered = Gathered(", ".join(shown(name) for name in names[:3]))
    for name in names:
        for row, columns, takes in _rows(name, ledger, request, guesses):
            _take(gathered, row, columns, target, verbatim, ledger, takes)
    if not gathered.items:
        raise HeadstartError(f"no usable row in {gathered.where}: {_oneline(ledger)}")
    ledger.need_most(current().lost)
    return gathered, ledger


def first_rows(paths: str | Path | Sequence[str | Path]) -> list[dict[str, Any]]:
    """Return the first rows of the first file, as tables; plain text is a table of one column `text`."""
    ledger = Ledger()
    head = sample_rows(read_rows(expand(paths, ledger)[0], ledger))
    return [_table_row(row.value) for row in head]


def _table_row(value: str | ImageRef | dict[str, Any]) -> dict[str, Any]:
    """Return a row of a table; a text or an image alone is a row of one column."""
    if isinstance(value, dict):
        return value
    return {takes_of([value]): value}


def read_items(request: ReadRequest, tables: list[dict[str, Any]] | None = None) -> tuple[Examples, Ledger]:
    """Return (examples without answers, ledger): the texts or images of a request, to be predicted or embedded.

    Plain text is always the text itself. Rows with empty text are kept, so that every readable row gets its answer;
    the ledger names them. tables: gets the whole rows. Raises HeadstartError: no such column, no row.
    """
    ledger = Ledger()
    gathered = Gathered()
    for cells, row, takes in stream_items(request, ledger):
        if not all(cells):
            ledger.complain(f"{_LACKING[takes]}, kept", row.source, row.line)
        gathered.add(cells[0], row)
        gathered.second.extend(cells[1:])
        gathered.places.append((row.source, row.line))
        if tables is not None:
            tables.append(row.value)
        ledger.use()
    if not gathered.items:
        names = ", ".join(shown(name) for name in as_paths(request.paths)[:3])
        raise HeadstartError(f"no row in {names}: {_oneline(ledger)}")
    ledger.need_most(current().lost)
    return gathered.examples(), ledger


def stream_items(request: ReadRequest, ledger: Ledger) -> Iterator[tuple[list[str | ImageRef], Row, str]]:
    """Yield the one or two items of each readable row, '' for an empty text; the row; what its items are.

    Memory holds one row at a time. The ledger counts a row as read; the caller answers with `use` or `skip`. Raises
    HeadstartError: no such column.
    """
    request = replace(request, label=None, group=None)
    verbatim = registry.load("task", request.task)().verbatim
    for name in expand(request.paths, ledger):
        for row, columns, takes in _rows(name, ledger, request, {"text": guess_text}):
            ledger.begin()
            cells = _items(row, columns, verbatim)
            if _sound(cells, row, ledger):
                yield cells, row, takes


def _named(request: ReadRequest) -> Columns:
    """Return the columns that must exist, including a remembered second text, which a model of pairs needs."""
    remembered = request.remembered or {}
    return Columns(request.text, request.text2 or remembered.get("text2"), request.label, request.group)


def _rows(
    name: str, ledger: Ledger, request: ReadRequest, guesses: Mapping[str, Guess]
) -> Iterator[tuple[Row, Columns, str]]:
    """Yield the table rows of one file with its column names, and what its items are, `text` or `image`.

    Plain text is a table of one column `text`.
    """
    rows = read_rows(name, ledger, unit="auto" if "label" in guesses else "line")
    head = sample_rows(rows)
    tables = [_table_row(row.value) for row in head]
    if not tables:
        return
    plain = not any(isinstance(row.value, dict) for row in head)
    columns = _choose(tables, shown(name), ledger, request, guesses, plain=plain)
    for what, column in vars(columns).items():
        if column is not None:
            ledger.columns.setdefault(what, column)
    items = [column for column in (columns.text, columns.text2) if column is not None]
    pictures = [column for column in items if _held(tables, column) == "image"]
    takes = _held(tables, columns.text)
    for row in chain(head, rows):
        table = _table_row(row.value)
        if all(isinstance(table.get(column), ImageRef) for column in pictures):
            yield Row(table, row.source, row.line), columns, takes
        else:
            ledger.reject("no image", row.source, row.line)


def _held(tables: Sequence[dict[str, Any]], column: str | None) -> str:
    """Return what a column of these rows holds, `text` or `image`."""
    return "image" if any(isinstance(row.get(column), ImageRef) for row in tables) else "text"


def _choose(
    tables: list[dict[str, Any]],
    source: str,
    ledger: Ledger,
    request: ReadRequest,
    guesses: Mapping[str, Guess],
    *,
    plain: bool,
) -> Columns:
    """Check the named columns, take the remembered ones that are there, guess the others, note every guess."""
    names, named = columns_of(tables), _named(request)
    for what, column in vars(named).items():
        if column is not None:
            check_column(what, column, names, source) if what != "label" else _check_label(request, names, source)
    if named.text is not None and named.text in (named.label, named.text2):
        item = one_item(_held(tables, named.text))
        other = "label" if named.text == named.label else f"second {item}"
        raise HeadstartError(f"{source}: the {item} column '{named.text}' cannot be the {other} too")
    if "label" in guesses and names == ["text"]:
        raise HeadstartError(
            f"{source}: plain text has no labels; give a table (.tsv, .csv, .jsonl, .parquet) with a label column"
        )
    if "label" in guesses and named.label is None and names == ["image"]:
        raise HeadstartError(
            f"{source}: these images have no labels; put them into a folder for each class, or give a table (.tsv, "
            ".csv, .jsonl, .parquet) with their paths and a label column"
        )
    found = replace(named, text=names[0]) if plain else _recall(names, source, ledger, request, guesses)
    for what, guess in guesses.items():
        if vars(found)[what] is None:
            column, why = guess(tables, source, [column for column in vars(found).values() if column])
            held = "image" if _held(tables, column) == "image" else what
            if len(names) > 1:
                ledger.note(f"{held} column '{column}' chosen from {shown_names(names)} ({why})", source)
            found = replace(found, **{what: column})
    unused = (name for name in SECOND_NAMES if name in names and name != found.text)
    if found.text2 is None and (second := next(unused, None)):
        ledger.note(f"column '{second}' is not used; for pairs say text2={second}", source)
    return found


def _check_label(request: ReadRequest, names: Sequence[str], source: str) -> None:
    """Raise HeadstartError: no such label column, or several for a task that reads one."""
    columns = label_columns(request.label or "", names, source)
    if len(columns) > 1 and request.task != "multilabel":
        raise HeadstartError(
            f"{source}: label {','.join(columns)}: task {request.task} reads one; say --task multilabel"
        )


def _recall(
    names: Sequence[str], source: str, ledger: Ledger, request: ReadRequest, guesses: Mapping[str, Guess]
) -> Columns:
    """Return the named columns, else the remembered columns that the file has; note those that it lacks."""
    found = _named(request)
    for what in guesses:
        column = (request.remembered or {}).get(what)
        if column is None or vars(found)[what] is not None:
            continue
        there = column in names or (what == "label" and set(named_columns(column)) <= set(names))
        if not there:
            ledger.note(f"no {what} column '{column}' as in training", source)
        elif column not in vars(found).values():
            found = replace(found, **{what: column})
    return found


def _take(
    gathered: Gathered,
    row: Row,
    columns: Columns,
    target: Callable[..., Any],
    verbatim: bool,
    ledger: Ledger,
    takes: str,
) -> None:
    """Add the row to `gathered`, or skip it for a named reason. takes: what its items are, where they are there."""
    ledger.begin()
    cells = _items(row, columns, verbatim)
    if not all(cells):
        ledger.skip(_LACKING[takes], row.source, row.line)
        return
    if not _sound(cells, row, ledger):
        return
    try:
        answer = target(label_cell(row.value, columns.label), cells)
    except Unusable as fault:
        ledger.skip(fault.reason, row.source, row.line, fault.detail)
        ledger.lost[fault.reason] += fault.lost
        return
    gathered.add(cells[0], row)
    gathered.second.extend(cells[1:])
    gathered.targets.append(answer)
    gathered.places.append((row.source, row.line))
    if columns.group is not None:
        gathered.groups.append(cell(row.value.get(columns.group)) or f"{row.source}:{row.line}")
    ledger.use()


def _sound(cells: Sequence[str | ImageRef], row: Row, ledger: Ledger) -> bool:
    """Whether all images among the items can be decoded; a row with an image that cannot is skipped."""
    for image in (item for item in cells if isinstance(item, ImageRef)):
        try:
            told = decode(image, side=1).told
        except UnusableImage as fault:
            ledger.skip(fault.reason, row.source, row.line, fault.detail)
            return False
        for change in told:
            ledger.tell("images", change)
    return True


def _items(row: Row, columns: Columns, verbatim: bool) -> list[str | ImageRef]:
    """Return the one or two items of a row; '' for a text that is missing or blank."""
    names = [columns.text] if columns.text2 is None else [columns.text, columns.text2]
    return [_item(row.value.get(name), verbatim) for name in names]


def _item(value: Any, verbatim: bool) -> str | ImageRef:
    """Return an image as it is, a text NFC unless `verbatim`."""
    if isinstance(value, ImageRef):
        return value
    text = cell(value) or ""
    text = text if verbatim else normal_form(text)
    return "" if text.isspace() else text


def _oneline(ledger: Ledger) -> str:
    return ledger.summary().replace("\n", "; ")
