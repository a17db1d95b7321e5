"""Where cells of a table become the labels of a row, of which there may be several or none.

A list (of a file, or written out as JSON or Python does), names between separators, or several columns: of 0 and 1, yes
and no, or x the column is the label, of names `column=name`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.data.columns import Cells, cell
from headstart.data.labels import NO_LABEL, by_key, clean_label, fold, is_missing, key_of, list_of, sort_classes
from headstart.data.task_files import Unusable

SEPARATORS = ("|", ";", ",", "/")
_NONE = frozenset(("none", "no label", "없음"))  # beside other labels: that there is none
# (yes, no) of columns that are labels themselves; -1 beside 0 and 1 is a no, x alone a mark, beside o the opposite.
_YES_NO = (
    (frozenset(("1", "true", "y", "yes", "x", "v", "✓")), frozenset(("0", "-1", "false", "n", "no"))),
    (frozenset(("o",)), frozenset(("x",))),
)
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


def only_marks(rows: Sequence[Mapping[str, Cell]]) -> bool:
    """Whether all cells of several columns say yes: then a row without any has no label, instead of an unknown one."""
    keys = {key_of(one).casefold() if isinstance(one, str) else "" for row in rows for one in row.values()}
    return bool(keys) and any(keys <= yes for yes, _ in _YES_NO)


@dataclass(frozen=True)
class LabelSets:
    """rows: the labels of each row, in the order of the classes. classes: all labels. notes: for a reader."""

    rows: list[tuple[str, ...]]
    classes: tuple[str, ...]
    notes: list[str]


def label_sets(rows: Sequence[Mapping[str, Cell]], known: Sequence[str] | None) -> LabelSets:
    """Return the labels of rows of `read_cell`; known: the labels of the training rows, None = those found.

    Spellings of one label are one (`labels.fold`); `none` beside other labels means that there is none.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    notes: list[str] = []
    read = {name: _column([row[name] for row in rows if name in row], name, columns, known, notes) for name in columns}
    turns = {name: iter(found) for name, found in read.items()}
    named = [tuple(label for name in columns if name in row for label in next(turns[name])) for row in rows]
    counts = Counter(label for labels in named for label in labels)
    if known is None:
        found = fold(counts) if counts else None
        class_of = dict(found.classes) if found else {}
        notes += found.notes() if found else []
        classes = sort_classes([name for name in class_of.values() if name is not None])
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


def _column(
    cells: Sequence[Cell], name: str, columns: Sequence[str], known: Sequence[str] | None, notes: list[str]
) -> list[tuple[str, ...]]:
    """Return the labels that each cell of a column holds; notes: gets how they were read."""
    several = len(columns) > 1
    keys = [key_of(one).casefold() if isinstance(one, str) else "" for one in cells]
    told = next((yes for yes, no in _YES_NO if set(keys) <= yes | no), None)
    if several and told:
        return [(name,) if key in told else () for key in keys]
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
