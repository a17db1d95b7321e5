"""Where cells of a table become the labels of a row, of which there may be several or none.

A list (of a file, or written out as JSON or Python does), names between separators, or several columns: of 0 and 1, yes
and no, or x the column is the label, of names `column=name`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.data.columns import Cells, cell
from headstart.data.labels import NO_LABEL, by_key, clean_label, fold, is_missing, key_of, list_of, sort_classes
from headstart.data.task_files import Unusable

SEPARATORS = ("|", ";", ",", "/")
_NONE = frozenset(("none", "no label", "없음"))  # beside other labels: that there is none
# (yes, no) of columns that are labels themselves; -1 is a no without 0, x alone a mark, beside o the opposite.
_YES_NO = (
    (
        frozenset(("1", "true", "t", "y", "yes", "x", "v", "✓", "✔", "☑", "●", "selected", "checked"))
        | {"예", "네", "있음", "해당", "ja", "oui", "sí", "si", "はい"},
        frozenset(("0", "-1", "false", "f", "n", "no", "✗", "☐", "not selected", "unchecked"))
        | {"아니오", "아니요", "미해당", "nein", "non", "いいえ"},
    ),
    (frozenset(("o", "○", "〇")), frozenset(("x", "×", "✗"))),
)
_VOTES = 0.1  # share of lists that name a label twice, from which on they are votes
Cell = tuple[str, ...] | str  # names, or a text that may hold several


def read_cell(value: Any, column: str) -> dict[str, Cell]:
    """Return what the label cells of a row hold, by column; value: see `task_files.label_cell`.

    {}: none of several columns holds anything. Raises Unusable: the one cell does not, a list of other than names.
    """
    cells = value if isinstance(value, Cells) else {column: value}
    found: dict[str, Cell] = {}
    for name, one in cells.items():
        listed = list_of(one)
        if listed is None:
            if isinstance(one, dict):
                raise Unusable("no list of labels", f"{str(one)[:40]}")
            text = "" if is_missing(one) else clean_label(cell(one) or "")
            if text:
                found[name] = text
        elif any(isinstance(part, list | dict) for part in listed):
            raise Unusable("no list of labels", f"{str(one)[:40]}")
        else:
            found[name] = tuple(clean_label(cell(part) or "") for part in listed if not is_missing(part))
    if not found and not isinstance(value, Cells):
        raise Unusable(NO_LABEL)
    return found


def unknown_rows(rows: Sequence[Mapping[str, Cell]], several: bool) -> list[int]:
    """Return the rows of `read_cell` of which not all labels are known. several: whether several columns were named.

    Of columns of yes and no those with a cell that is empty, or -1 beside 0; of marks alone (x or nothing) none;
    of other columns those without any cell.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    keys = {name: _keys([row[name] for row in rows if name in row]) for name in columns}
    said = _said(keys, len(rows)) if several else {}
    asked = [name for name in columns if name in said]
    marks = {name for name in asked if set(keys[name]) <= said[name][0]}
    open_code = any({"0", "-1"} <= set(keys[name]) for name in asked)

    def is_open(row: Mapping[str, Cell]) -> bool:
        if not row and not marks:
            return True
        if any(name not in row for name in asked if name not in marks):
            return True
        return open_code and any(_keys([row[name]]) == ["-1"] for name in asked if name in row)

    return [place for place, row in enumerate(rows) if is_open(row)]


def _keys(cells: Sequence[Cell]) -> list[str]:
    return [key_of(one).casefold() if isinstance(one, str) else "" for one in cells]


def _said(keys: Mapping[str, Sequence[str]], rows: int) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return (yes, no) of each of several columns that hold nothing else, by name.

    What one column alone shows holds for the others: x is a no where another column has o. x in every cell of every
    row is no mark either.
    """
    fitting = {name: [pair for pair in _YES_NO if set(own) <= pair[0] | pair[1]] for name, own in keys.items()}
    needed = [pairs[0] for pairs in fitting.values() if len(pairs) == 1]
    filled = all(len(own) == rows for own in keys.values())
    if not needed and filled and {key for own in keys.values() for key in own} == {"x"}:
        needed = [_YES_NO[1]]
    return {
        name: next((pair for pair in needed if pair in pairs), pairs[0]) for name, pairs in fitting.items() if pairs
    }


@dataclass(frozen=True)
class LabelSets:
    """rows: the labels of each row, in the order of the classes. classes: all labels. notes: for a reader."""

    rows: list[tuple[str, ...]]
    classes: tuple[str, ...]
    notes: list[str]


def label_sets(rows: Sequence[Mapping[str, Cell]], known: Sequence[str] | None, several: bool) -> LabelSets:
    """Return the labels of rows of `read_cell`; known: the labels of the training rows, None = those found.
    several: whether several columns were named, of which some may hold nothing.

    Spellings of one label are one (`labels.fold`); `none` beside other labels means that there is none.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    notes: list[str] = []
    cells = {name: [row[name] for row in rows if name in row] for name in columns}
    said = _said({name: _keys(own) for name, own in cells.items()}, len(rows)) if several else {}
    read = {
        name: _truths(own, name, said[name][0]) if name in said else _column(own, name, several, known, notes)
        for name, own in cells.items()
    }
    turns = {name: iter(found) for name, found in read.items()}
    named = [tuple(label for name in columns if name in row for label in next(turns[name])) for row in rows]
    counts = Counter(label for labels in named for label in labels)
    if known is None:
        found = fold(counts) if counts else None
        class_of = dict(found.classes) if found else {}
        notes += found.notes() if found else []
        unsaid = [name for name in said if name not in counts]
        notes += [f"label '{name}': no row has it" for name in unsaid]
        classes = sort_classes([*(name for name in class_of.values() if name is not None), *unsaid])
    else:
        keys = by_key(known)
        class_of = {name: keys.get(name) or keys.get(key_of(name)) for name in counts}
        classes = tuple(known)
        if strange := sorted(name for name, own in class_of.items() if own is None):
            some = ", ".join(f"'{name}' ({counts[name]:,})" for name in strange[:6])
            notes.append(f"labels that the training rows did not have, so none is found: {some}")
    place = {name: at for at, name in enumerate(classes)}
    sets = [{own for label in labels if (own := class_of[label]) is not None} for labels in named]
    notes.append(_sizes(sets))
    return LabelSets([tuple(sorted(own, key=place.__getitem__)) for own in sets], classes, notes)


def _truths(cells: Sequence[Cell], name: str, yes: frozenset[str]) -> list[tuple[str, ...]]:
    return [(name,) if key in yes else () for key in _keys(cells)]


def _column(
    cells: Sequence[Cell], name: str, several: bool, known: Sequence[str] | None, notes: list[str]
) -> list[tuple[str, ...]]:
    """Return the labels that each cell of a column holds; notes: gets how they were read.

    Raises HeadstartError: lists that name labels twice, as votes do.
    """
    if (hot := _places(cells)) is not None:
        notes.append(f"column '{name}': lists of 0 and 1 say of each label, by its place from 0, whether it holds")
        return hot
    repeated = [one for one in cells if isinstance(one, tuple) and len(set(one)) < len(one)]
    if len(repeated) > _VOTES * len(cells):
        raise HeadstartError(
            f"column '{name}': lists name labels twice, such as {list(repeated[0])[:6]}, as votes of annotators "
            "do; make one label, or one set of labels, of each row"
        )
    texts = [one for one in cells if isinstance(one, str)]
    separator = separator_of(texts, known)
    if separator:
        notes.append(f"column '{name}': labels between '{separator}', as in '{_longest(texts, separator)}'")
    parts = [one if isinstance(one, tuple) else _apart(one, separator) for one in cells]
    names = {label for labels in parts for label in labels}
    dropped = {label for label in names if label.casefold() in _NONE} if len(names) > 1 else set()
    for label in sorted(dropped):
        rows = sum(label in labels for labels in parts)
        notes.append(f"column '{name}': '{label}' ({rows:,} rows) means that there is no label")
    mark = f"{name}=" if several else ""
    return [tuple(f"{mark}{label}" for label in labels if label not in dropped) for labels in parts]


def _places(cells: Sequence[Cell]) -> list[tuple[str, ...]] | None:
    """Return the places of the ones in lists of 0 and 1 of one length, or None: they are other lists.

    Two of them may be names as well, unless a list repeats one or has 1 before 0.
    """
    lists = [tuple(map(key_of, one)) for one in cells if isinstance(one, tuple)]
    if len(lists) < len(cells) or len(set(map(len, lists))) != 1 or len(lists[0]) < 2:
        return None
    if {key for one in lists for key in one} - {"0", "1", "true", "false"}:
        return None
    if all(len(set(one)) == len(one) and list(one) == sorted(one) for one in lists):
        return None
    return [tuple(str(place) for place, key in enumerate(one) if key in ("1", "true")) for one in lists]


def separator_of(texts: Sequence[str], known: Sequence[str] | None = None) -> str:
    """Return what stands between the labels of a cell, or '' where each cell holds one.

    It is the first of `SEPARATORS` after which most parts are labels elsewhere too: of the training rows, or of cells
    beside other labels or alone.
    """
    keys = None if known is None else {key_of(name) for name in known}
    for separator in SEPARATORS:
        with_it = [text for text in set(texts) if separator in text]
        if not with_it or (keys is not None and all(key_of(text) in keys for text in with_it)):
            continue
        seen = Counter(key_of(part) for text in set(texts) for part in set(_apart(text, separator)))
        parts = [key_of(part) for text in with_it for part in _apart(text, separator)]
        elsewhere = [part in keys if keys is not None else seen[part] > 1 for part in parts]
        if 2 * sum(elsewhere) > len(parts):
            return separator
    return ""


def _apart(text: str, separator: str) -> tuple[str, ...]:
    parts = text.split(separator) if separator else [text]
    return tuple(dict.fromkeys(name for part in parts if (name := clean_label(part))))


def _longest(texts: Sequence[str], separator: str) -> str:
    return max(sorted(texts), key=lambda text: text.count(separator))[:40]


def _sizes(sets: Sequence[set[str]]) -> str:
    counts = Counter(map(len, sets))
    several = sum(rows for size, rows in counts.items() if size > 1)
    mean = sum(size * rows for size, rows in counts.items()) / max(len(sets), 1)
    return f"{mean:.2f} labels a row; {several:,} rows with several, {counts[0]:,} with none"
