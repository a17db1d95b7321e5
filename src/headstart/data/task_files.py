"""Task files: labelled rows for training and testing, texts for predicting; every skipped row is named."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from headstart.base.errors import HeadstartError, nearest
from headstart.base.examples import Examples
from headstart.data.columns import SAMPLE_ROWS, SECOND_NAMES, cell, check_column, columns_of, guess_label, guess_text
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows, shown
from headstart.data.row import Row


@dataclass(frozen=True)
class _Columns:
    """The column names of one file; None when not read, or not yet known."""

    text: str | None
    text2: str | None = None
    label: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class _Asked:
    """named: columns that must be there; remembered: those of training, used where they are; labelled: read labels."""

    named: _Columns
    remembered: Mapping[str, str | None]
    labelled: bool


@dataclass
class _Gathered:
    """The used rows so far, as columns."""

    first: list[str] = field(default_factory=list)
    second: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def read_examples(
    paths: str | Path | Sequence[str | Path],
    text: str | None = None,
    label: str | None = None,
    text2: str | None = None,
    classes: Sequence[str] | None = None,
    group: str | None = None,
    remembered: Mapping[str, str | None] | None = None,
) -> tuple[Examples, Ledger, list[str]]:
    """Return (examples, ledger, notes) of labelled files; `ledger.columns` holds the columns used.

    text, label: columns, None = guessed and noted. text2: the second text of pairs, never guessed. classes: the label
    names to index by (those of the training file); None = those found, sorted, numbers by value. group: a column whose
    rows belong together. remembered: `ledger.columns` of training; they stand for columns that are not named, and a
    file that has no such text or label column has its own guessed. Rows with empty text, without a label or with a
    label not in `classes` are skipped and named.
    Raises HeadstartError: no such column, no usable row, one class only.
    """
    ledger = Ledger()
    gathered = _Gathered()
    asked = _asked(_Columns(text, text2, label, group), remembered, labelled=True)
    allowed = None if classes is None else {_clean(name) for name in classes}
    names = expand(paths, ledger)
    for name in names:
        for row, columns in _rows(name, ledger, asked):
            _take(gathered, row, columns, allowed, ledger)
    where = ", ".join(shown(name) for name in names[:3])
    if not gathered.first:
        raise HeadstartError(f"no usable row in {where}: {_oneline(ledger)}{_unknown_labels(ledger, allowed)}")
    found = tuple(map(_clean, classes)) if classes is not None else sort_classes(gathered.labels)
    if len(found) < 2:
        raise HeadstartError(f"only one class, '{found[0]}', in {where}; a task needs at least two")
    if classes is None and len(found) == len(gathered.labels) > 2:
        raise HeadstartError(
            f"every label in {where} is different ({found[0]}, {found[1]}, ...); that column is no label: label="
        )
    index = {name: position for position, name in enumerate(found)}
    labels = np.array([index[name] for name in gathered.labels], np.int64)
    return _examples(gathered, labels, found), ledger, ledger.notes


def read_texts(
    paths: str | Path | Sequence[str | Path],
    text: str | None = None,
    text2: str | None = None,
    remembered: Mapping[str, str | None] | None = None,
) -> tuple[Examples, Ledger, list[str], list[tuple[str, int]]]:
    """Return (examples without labels, ledger, notes, file and line of each row): what there is to predict.

    remembered: as in `read_examples`; plain text is always the text itself.
    Rows with empty text are kept, so that every readable row gets its answer; they are complained about.
    Raises HeadstartError: no such column, no row.
    """
    ledger = Ledger()
    gathered = _Gathered()
    places: list[tuple[str, int]] = []
    asked = _asked(_Columns(text, text2), remembered, labelled=False)
    names = expand(paths, ledger)
    for name in names:
        for row, columns in _rows(name, ledger, asked):
            ledger.begin()
            cells = _texts(row, columns)
            if not all(cells):
                ledger.complain("empty text, kept", row.source, row.line)
            gathered.first.append(cells[0])
            gathered.second.extend(cells[1:])
            places.append((row.source, row.line))
            ledger.use()
    if not gathered.first:
        raise HeadstartError(f"no row in {', '.join(shown(name) for name in names[:3])}: {_oneline(ledger)}")
    return _examples(gathered, None, ()), ledger, ledger.notes, places


def sort_classes(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the different labels, by value when all are numbers, else by code point."""
    found = sorted(set(labels))
    try:
        values = {name: float(name) for name in found}
    except ValueError:
        return tuple(found)
    return tuple(sorted(found, key=values.__getitem__)) if all(map(math.isfinite, values.values())) else tuple(found)


def _asked(named: _Columns, remembered: Mapping[str, str | None] | None, *, labelled: bool) -> _Asked:
    """A remembered second text counts as named: a model of pairs cannot do without it."""
    remembered = remembered or {}
    return _Asked(replace(named, text2=named.text2 or remembered.get("text2")), remembered, labelled)


def _rows(name: str, ledger: Ledger, asked: _Asked) -> Iterator[tuple[Row, _Columns]]:
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


def _choose(tables: list[dict[str, Any]], source: str, ledger: Ledger, asked: _Asked, *, plain: bool) -> _Columns:
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
    others = [column for column in vars(found).values() if column]
    text, label = found.text, found.label
    if text is None:
        text, why = guess_text(tables, source, others)
        ledger.note(f"text column '{text}' chosen from {', '.join(names)} ({why})", source)
    if asked.labelled and label is None:
        label, why = guess_label(tables, source, [*others, text])
        ledger.note(f"label column '{label}' chosen from {', '.join(names)} ({why})", source)
    if text2 is None and (second := next((name for name in SECOND_NAMES if name in names and name != text), None)):
        ledger.note(f"column '{second}' is not used; for pairs say text2={second}", source)
    return replace(found, text=text, label=label)


def _recall(names: Sequence[str], source: str, ledger: Ledger, asked: _Asked) -> _Columns:
    """Return the named columns and, where none is named, the remembered ones that the file has; note those it lacks."""
    found = asked.named
    for what in ("text", "label") if asked.labelled else ("text",):
        column = asked.remembered.get(what)
        if column is None or getattr(found, what) is not None:
            continue
        if column not in names:
            ledger.note(f"no {what} column '{column}' as in training", source)
        elif column not in vars(found).values():
            found = replace(found, **{what: column})
    return found


def _take(gathered: _Gathered, row: Row, columns: _Columns, allowed: set[str] | None, ledger: Ledger) -> None:
    """Use the row or skip it with its reason."""
    ledger.begin()
    cells = _texts(row, columns)
    label = _clean(cell(row.value.get(columns.label)) or "")
    if not all(cells):
        ledger.skip("empty text", row.source, row.line)
    elif not label:
        ledger.skip("no label", row.source, row.line)
    elif allowed is not None and label not in allowed:
        ledger.skip("unknown label", row.source, row.line, f"'{label[:40]}'{nearest(label, sorted(allowed))}")
    else:
        gathered.first.append(cells[0])
        gathered.second.extend(cells[1:])
        gathered.labels.append(label)
        if columns.group is not None:
            gathered.groups.append(cell(row.value.get(columns.group)) or f"{row.source}:{row.line}")
        ledger.use()


def _texts(row: Row, columns: _Columns) -> list[str]:
    """Return the one or two texts, NFC; '' for a text that is missing or blank."""
    names = [columns.text] if columns.text2 is None else [columns.text, columns.text2]
    cells = [unicodedata.normalize("NFC", cell(row.value.get(name)) or "") for name in names]
    return [text if text and not text.isspace() else "" for text in cells]


def _clean(label: str) -> str:
    return unicodedata.normalize("NFC", label).strip()


def _examples(gathered: _Gathered, labels: np.ndarray | None, classes: tuple[str, ...]) -> Examples:
    return Examples(
        first=gathered.first,
        second=gathered.second or None,
        labels=labels,
        classes=classes,
        groups=gathered.groups or None,
    )


def _oneline(ledger: Ledger) -> str:
    return ledger.summary().replace("\n", "; ")


def _unknown_labels(ledger: Ledger, allowed: set[str] | None) -> str:
    return f" (known labels: {', '.join(sorted(allowed)[:10])})" if allowed and ledger.skipped["unknown label"] else ""
