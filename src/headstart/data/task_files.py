"""Task files: labelled rows for training and testing, texts for predicting; every skipped row is named."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.data.columns import SAMPLE_ROWS, SECOND_NAMES, cell, check_column, columns_of, guess_label, guess_text
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows, shown
from headstart.data.row import Row

# guess(first rows, file, columns that are taken) -> (column, why); raises HeadstartError.
Guess = Callable[[Sequence[dict[str, Any]], str, Sequence[str]], tuple[str, str]]
GUESSES: Mapping[str, Guess] = {"text": guess_text, "label": guess_label}


class Unusable(Exception):
    """Why a row cannot be used: reason, a short phrase shared by rows, and detail, what is wrong with this one."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Columns:
    """The column names of one file; None when not read, or not yet known."""

    text: str | None = None
    text2: str | None = None
    label: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class _Asked:
    """named: columns that must be there; remembered: those of training, used where they are; guesses: for the others
    that are needed; verbatim: texts are not normalised."""

    named: Columns
    remembered: Mapping[str, str | None]
    guesses: Mapping[str, Guess]
    verbatim: bool

    @property
    def labelled(self) -> bool:
        """Whether answers are read."""
        return "label" in self.guesses


@dataclass
class Gathered:
    """The used rows, as columns; where: their files, for messages."""

    where: str = ""
    first: list[str] = field(default_factory=list)
    second: list[str] = field(default_factory=list)
    targets: list[Any] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)

    def examples(self, **answers: Any) -> Examples:
        """Return the texts with `answers`, the other fields of `Examples`."""
        more = {"groups": self.groups or None, "places": self.places}
        return Examples(first=self.first, second=self.second or None, **more, **answers)


def read_labelled(
    paths: str | Path | Sequence[str | Path],
    target: Callable[[Any, list[str]], Any],
    *,
    named: Columns,
    remembered: Mapping[str, str | None] | None = None,
    guesses: Mapping[str, Guess] = GUESSES,
    verbatim: bool = False,
) -> tuple[Gathered, Ledger]:
    """Return (rows, ledger) of labelled files; `ledger.columns` holds the columns used.

    target(value of the label column, the texts) -> a row's answer; if it raises `Unusable`, the row is skipped.
    named: None = guessed and noted where `guesses` has a way; a second text that has none is never guessed. group: rows
    that belong together. remembered: `ledger.columns` of training; they stand for columns that are not named, and a
    file that has no such text or label column has its own guessed. Rows with empty text are skipped and named.
    verbatim: texts stay as they are, otherwise they are NFC.
    Raises HeadstartError: no such column, no usable row.
    """
    ledger = Ledger()
    asked = _asked(named, remembered, guesses, verbatim)
    names = expand(paths, ledger)
    gathered = Gathered(", ".join(shown(name) for name in names[:3]))
    for name in names:
        for row, columns in _rows(name, ledger, asked):
            _take(gathered, row, columns, target, verbatim, ledger)
    if not gathered.first:
        raise HeadstartError(f"no usable row in {gathered.where}: {_oneline(ledger)}")
    return gathered, ledger


def first_rows(paths: str | Path | Sequence[str | Path]) -> list[dict[str, Any]]:
    """Return the first rows of the first file, as tables; plain text is a table of one column `text`."""
    ledger = Ledger()
    head = islice(read_rows(expand(paths, ledger)[0], ledger), SAMPLE_ROWS)
    return [row.value if isinstance(row.value, dict) else {"text": row.value} for row in head]


def read_texts(
    paths: str | Path | Sequence[str | Path],
    text: str | None = None,
    text2: str | None = None,
    remembered: Mapping[str, str | None] | None = None,
    verbatim: bool = False,
) -> tuple[Examples, Ledger, list[str], list[tuple[str, int]]]:
    """Return (examples without answers, ledger, notes, file and line of each row): what there is to predict.

    remembered, verbatim: as in `read_labelled`; plain text is always the text itself.
    Rows with empty text are kept, so that every readable row gets its answer; they are complained about.
    Raises HeadstartError: no such column, no row.
    """
    ledger = Ledger()
    gathered = Gathered()
    asked = _asked(Columns(text, text2), remembered, {"text": guess_text}, verbatim)
    names = expand(paths, ledger)
    for name in names:
        for row, columns in _rows(name, ledger, asked):
            ledger.begin()
            cells = _texts(row, columns, verbatim)
            if not all(cells):
                ledger.complain("empty text, kept", row.source, row.line)
            gathered.first.append(cells[0])
            gathered.second.extend(cells[1:])
            gathered.places.append((row.source, row.line))
            ledger.use()
    if not gathered.first:
        raise HeadstartError(f"no row in {', '.join(shown(name) for name in names[:3])}: {_oneline(ledger)}")
    return gathered.examples(), ledger, ledger.notes, gathered.places


def _asked(
    named: Columns, remembered: Mapping[str, str | None] | None, guesses: Mapping[str, Guess], verbatim: bool
) -> _Asked:
    """A remembered second text counts as named: a model of pairs cannot do without it."""
    remembered = remembered or {}
    named = replace(named, text2=named.text2 or remembered.get("text2"))
    return _Asked(named, remembered, guesses, verbatim)


def _rows(name: str, ledger: Ledger, asked: _Asked) -> Iterator[tuple[Row, Columns]]:
    """Yield the table rows of one file with its column names; plain text is a table of one column `text`."""
    rows = read_rows(name, ledger, unit="auto" if asked.labelled else "line")
    head = list(islice(rows, SAMPLE_ROWS))
    tables = [row.value if isinstance(row.value, dict) else {"text": row.value} for row in head]
    if not tables:
        return
    plain = not any(isinstance(row.value, dict) for row in head)
    columns = _choose(tables, shown(name), ledger, asked, plain=plain)
    for what, column in vars(columns).items():
        if column is not None:
            ledger.columns.setdefault(what, column)
    for row in chain(head, rows):
        yield (row if isinstance(row.value, dict) else Row({"text": row.value}, row.source, row.line)), columns


def _choose(tables: list[dict[str, Any]], source: str, ledger: Ledger, asked: _Asked, *, plain: bool) -> Columns:
    """Check the named columns, take the remembered ones that are there, guess the others, note every guess."""
    names = columns_of(tables)
    for what, column in vars(asked.named).items():
        if column is not None:
            check_column(what, column, names, source)
    text, text2, label = asked.named.text, asked.named.text2, asked.named.label
    if text is not None and text in (label, text2):
        raise HeadstartError(
            f"{source}: the text column '{text}' cannot be the {'label' if text == label else 'second text'} too"
        )
    if asked.labelled and names == ["text"]:
        raise HeadstartError(
            f"{source}: plain text has no labels; give a table (.tsv, .csv, .jsonl, .parquet) with a label column"
        )
    found = replace(asked.named, text="text") if plain else _recall(names, source, ledger, asked)
    for what, guess in asked.guesses.items():
        if getattr(found, what) is None:
            column, why = guess(tables, source, [column for column in vars(found).values() if column])
            ledger.note(f"{what} column '{column}' chosen from {', '.join(names)} ({why})", source)
            found = replace(found, **{what: column})
    unused = (name for name in SECOND_NAMES if name in names and name != found.text)
    if found.text2 is None and (second := next(unused, None)):
        ledger.note(f"column '{second}' is not used; for pairs say text2={second}", source)
    return found


def _recall(names: Sequence[str], source: str, ledger: Ledger, asked: _Asked) -> Columns:
    """Return the named columns and, where none is named, the remembered ones that the file has; note those it lacks."""
    found = asked.named
    for what in asked.guesses:
        column = asked.remembered.get(what)
        if column is None or getattr(found, what) is not None:
            continue
        if column not in names:
            ledger.note(f"no {what} column '{column}' as in training", source)
        elif column not in vars(found).values():
            found = replace(found, **{what: column})
    return found


def _take(
    gathered: Gathered, row: Row, columns: Columns, target: Callable[..., Any], verbatim: bool, ledger: Ledger
) -> None:
    """Use the row or skip it with its reason."""
    ledger.begin()
    cells = _texts(row, columns, verbatim)
    if not all(cells):
        ledger.skip("empty text", row.source, row.line)
        return
    try:
        answer = target(row.value.get(columns.label), cells)
    except Unusable as fault:
        ledger.skip(fault.reason, row.source, row.line, fault.detail)
        return
    gathered.first.append(cells[0])
    gathered.second.extend(cells[1:])
    gathered.targets.append(answer)
    gathered.places.append((row.source, row.line))
    if columns.group is not None:
        gathered.groups.append(cell(row.value.get(columns.group)) or f"{row.source}:{row.line}")
    ledger.use()


def _texts(row: Row, columns: Columns, verbatim: bool) -> list[str]:
    """Return the one or two texts, NFC unless `verbatim`; '' for a text that is missing or blank."""
    names = [columns.text] if columns.text2 is None else [columns.text, columns.text2]
    cells = [cell(row.value.get(name)) or "" for name in names]
    if not verbatim:
        cells = [unicodedata.normalize("NFC", text) for text in cells]
    return [text if text and not text.isspace() else "" for text in cells]


def _oneline(ledger: Ledger) -> str:
    return ledger.summary().replace("\n", "; ")
