"""Where a cell of a table becomes a label: the name of a class, or a number."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headstart.core.errors import nearest
from headstart.core.normal_form import normal_form
from headstart.data.columns import cell, written_out
from headstart.data.ledger import Ledger
from headstart.data.task_files import Gathered, Unusable

NO_LABEL = "no label"  # the reason for which a row is skipped
# What programs write for a missing value, and nobody for a class: pandas, R, SQL and spreadsheets.
_MISSING = frozenset(
    ("", "nan", "-nan", "null", "<na>", "nat", "#n/a", "#n/a n/a", "#na", "#null!", "#value!", "#ref!", "#div/0!")
    + ("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "\\n", "#num!", "#name?", "#getting_data", "#spill!", "#calc!")
    + ("(null)", "(blank)", "(empty)", "[null]", "undefined", "#nv", "#wert!", "#bezug!", "#zahl!", "#valeur!", "#nom?")
)
_MARKS = frozenset(("-", "--", "?", "_", ".", "n.a.", "n/a", "nil"))  # of a missing value, beside names of classes
# What people write where nobody has decided; it may be a class, so that it is only told.
_UNDECIDED = frozenset(
    (
        "unlabeled",
        "unlabelled",
        "no label",
        "unannotated",
        "n/d",
        "tbd",
        "unassigned",
        "미분류",
        "해당없음",
        "해당 없음",
    )
    + ("없음", "미정", "무응답", "모름", "판단불가", "판단 불가", "99", "999", "9999")
)
_BELOW_ALL = frozenset(("-1", "-9", "-99", "-999", "-9999"))  # of a missing value, beside numbers that are not negative
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"))  # soft hyphen, widths of 0, marks
_SHOWN = 6  # classes, at most, whose rows are told
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
# An array of numpy as text: ['joy' 'anger'], which Python would read as one text, [1. 0.] or [1 0].
_ARRAY = re.compile(r"\[\s*('[^']*'|\"[^\"]*\"|[-+0-9.e]+)(\s+('[^']*'|\"[^\"]*\"|[-+0-9.e]+))+\s*\]")
_ARRAY_PART = re.compile(r"'([^']*)'|\"([^\"]*)\"|([-+0-9.e]+)")
_WHOLE = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.0*)?")  # 01 is a code, not 1
_TRUTH = {"true": "1", "false": "0"}


def parse_label(value: Any, allowed: Mapping[str, str] | None = None) -> str:
    """Return the name of the class in a cell, or the one of a list in it.

    allowed: names of classes by their key, see `by_key`; then the class is one of these. Raises Unusable: a cell
    without a label, several labels, a name that is no class.
    """
    found = clean_label(_only(value))
    if found.casefold() in _MISSING:
        raise Unusable(NO_LABEL, f"'{found}'" if found else "")
    if allowed is None:
        return found
    known = allowed.get(found) or allowed.get(key_of(found)) or allowed.get(_TRUTH.get(key_of(found), ""))
    if known is None:
        some = sorted(set(allowed.values()))
        raise Unusable(
            "unknown label", f"'{found[:40]}'" + (nearest(found, some) or f"; known: {', '.join(some[:10])}")
        )
    return known


def clean_label(name: str) -> str:
    """Return the name of a class in NFC, without space around it and without characters that nobody sees."""
    return normal_form(name).translate(_UNSEEN).strip()


def key_of(name: str) -> str:
    """Return what spellings of one class have in common: case (of single characters: not), width, spaces, 1.0 for 1."""
    plain = " ".join(normal_form(name, "NFKC").split())
    if whole := _WHOLE.fullmatch(plain):
        sign, digits = whole.groups()
        return f"-{digits}" if sign == "-" and digits != "0" else digits
    return plain if len(plain) == 1 else plain.casefold()


def by_key(classes: Sequence[str]) -> dict[str, str]:
    """Return the classes by name and by key, for `parse_label`; a key of several classes stands for none of them."""
    keys = [key_of(name) for name in classes]
    count = Counter(keys)
    alone = {key: name for key, name in zip(keys, classes) if count[key] == 1}
    return alone | {name: name for name in classes}


@dataclass(frozen=True)
class Folded:
    """What became of the names in a label column.

    classes: the class of every name, None for a name that stands for no label. counts: rows by name. doubtful: classes
    whose names may stand for no label elsewhere.
    """

    classes: Mapping[str, str | None]
    counts: Mapping[str, int]
    doubtful: tuple[str, ...] = ()

    @property
    def rows(self) -> dict[str, int]:
        """Rows by class."""
        out: dict[str, int] = {}
        for name, found in self.classes.items():
            if found is not None:
                out[found] = out.get(found, 0) + self.counts[name]
        return out

    def notes(self) -> list[str]:
        """Return what a reader of the data should know: rows by class, spellings of one class, names left out, classes
        of one row."""
        counts = self.rows
        usual = sorted(counts, key=lambda name: (-counts[name], name))
        some = usual if len(usual) <= _SHOWN else [*usual[: _SHOWN - 1], usual[-1]]
        shown = [f"'{name}' {counts[name]:,}" for name in some]
        dots = [] if len(some) == len(usual) else ["..."]
        out = [f"{len(usual):,} classes: {', '.join([*shown[: _SHOWN - 1], *dots, *shown[_SHOWN - 1 :]])}"]
        spellings: dict[str | None, list[str]] = {}
        for name, own in self.classes.items():
            spellings.setdefault(own, []).append(name)
        lacking = spellings.pop(None, [])
        for found, spelt in spellings.items():
            if len(spelt) > 1:
                out.append(f"the labels {_counted(spelt, self.counts)} are one class, '{found}'")
        if lacking:
            out.append(f"the labels {_counted(lacking, self.counts)} stand for no label: these rows are left out")
        if self.doubtful:
            some = _counted(self.doubtful, counts)
            out.append(f"the labels {some} are taken for classes; leave the cell empty where there is no label")
        if single := [name for name, rows in counts.items() if rows == 1]:
            some = ", ".join(f"'{name}'" for name in single[:5]) + (" ..." if len(single) > 5 else "")
            out.append(f"{len(single):,} {'class has' if len(single) == 1 else 'classes have'} one row only: {some}")
        return out


def fold(counts: Mapping[str, int], *, exact: bool = False) -> Folded:
    """Return which names of a label column are one class, and which stand for no label; counts: rows by name.

    The usual spelling is the name of a class; whole numbers are written without a point. exact: every name is a class.
    """
    if exact:
        return Folded({name: name for name in counts}, counts)
    keys = {name: key_of(name) for name in counts}
    kinds = set(keys.values())
    if kinds <= {"0", "1", "true", "false"} and kinds & {"0", "1"}:
        keys = {name: _TRUTH.get(key, key) for name, key in keys.items()}
    usual: dict[str, str] = {}
    for name in sorted(counts, key=lambda one: (-counts[one], one)):
        key = keys[name]
        usual.setdefault(key, key if _WHOLE.fullmatch(key) else name)
    asked = [key for key in usual if key in _BELOW_ALL | _MARKS | _UNDECIDED | {"na", "none"}]
    sure = {key: _stands_for_none(key, [one for one in usual if one != key], usual) for key in asked}
    classes = {name: None if sure.get(keys[name]) else usual[keys[name]] for name in counts}
    doubtful = tuple(usual[key] for key, found in sure.items() if found is None)
    return Folded(classes, counts, doubtful)


def _stands_for_none(key: str, others: Sequence[str], usual: Mapping[str, str]) -> bool | None:
    """Return whether a name says that there is no label, None where it may; others: the keys of the other names.

    -1 beside 0, 1, 2 or beside names, a mark beside names, NA, Python's None among names in small letters.
    """
    spelt, numbers = usual[key], [one for one in others if _WHOLE.fullmatch(one)]
    if len(others) < 2:
        return False
    if key in _UNDECIDED:
        # 99 is a code where all other numbers are far below it
        return None if not key.isdigit() or max((float(one) for one in numbers), default=99) < 20 else False
    if key in _BELOW_ALL and not any(one.startswith("-") for one in numbers):
        # -1, 0, 1 may be three classes: bad, neutral, good
        return not numbers or (True if len(numbers) == len(others) >= 3 else None)
    if key in _MARKS:
        return (
            len(numbers) == len(others)
            or all(len(one) > 1 for one in others)
            or {"o", "x"} >= set(map(str.lower, others))
        )
    if key == "na":
        return not all(len(usual[one]) == 2 and usual[one].isupper() for one in others)  # Namibia
    if spelt == "None" and any(usual[one][:1].isupper() for one in others):
        return None
    return key == "none" and (spelt == "None" or len(numbers) == len(others))


def _counted(names: Sequence[str], counts: Mapping[str, int]) -> str:
    shown = [f"'{name}' ({counts[name]:,})" for name in sorted(names, key=lambda one: -counts[one])]
    return ", ".join(shown[:6]) + (" ..." if len(shown) > 6 else "")


def _only(value: Any) -> str:
    """Return the text of a cell, or of the only label in a list. Raises Unusable: several labels."""
    listed = list_of(value)
    if listed is not None:
        if len(listed) > 1:
            raise Unusable("several labels in a row", f"{str(value)[:40]}; say --task multilabel")
        value = listed[0] if listed else None
    if isinstance(value, float) and math.isnan(value):
        return ""
    return cell(value) or ""


def is_missing(value: Any) -> bool:
    """Whether a cell holds what programs write for a missing value."""
    return clean_label(cell(value) or "").casefold() in _MISSING


def list_of(value: Any) -> list[Any] | None:
    """Return the list in a cell, also one that a text writes out as JSON or as Python does, or None: there is none."""
    if isinstance(value, list | tuple):
        return list(value)
    text = value.strip() if isinstance(value, str) else ""
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1] or (text[0] == "(" and not {"'", '"'} & set(text)):
        return None  # (18, 25) is an interval
    if _ARRAY.fullmatch(text):
        return [next(part for part in parts if part) if any(parts) else "" for parts in _ARRAY_PART.findall(text)]
    found = written_out(text)
    if isinstance(found, set | frozenset):
        found = sorted(found, key=str)
    plain = isinstance(found, list | tuple) and all(isinstance(one, str | int | float | bool) for one in found)
    return list(found) if plain else None


def folded(rows: Gathered, ledger: Ledger) -> Gathered:
    """Return the rows with one name for each class, without those of no label; the ledger tells what became of them."""
    found = fold(Counter(rows.targets))
    for note in found.notes():
        ledger.note(note, rows.where)
    kept, names = [], rows.targets
    for number, name in enumerate(names):
        if found.classes[name] is None:
            ledger.withdraw(NO_LABEL, *rows.places[number], f"'{name}'")
        else:
            kept.append(number)
    rows = rows.take(kept)
    rows = replace(rows, targets=[found.classes[name] for name in rows.targets])
    for note in _strangers(rows):
        ledger.note(note, rows.where)
    return rows


def _strangers(rows: Gathered) -> list[str]:
    """Return a note for each file that has no class in common with the others."""
    classes: dict[str, set[str]] = {}
    for (file, _), name in zip(rows.places, rows.targets):
        classes.setdefault(file, set()).add(name)
    files = Counter(name for own in classes.values() for name in own)
    return [
        f"{file} has no class in common with the other files: {', '.join(sorted(own)[:5])}"
        for file, own in classes.items()
        if len(classes) > 1 and all(files[name] == 1 for name in own)
    ]


def sort_classes(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the different labels, by value when all are numbers, else by code point."""
    found = sorted(set(labels))
    try:
        values = {name: float(name) for name in found}
    except ValueError:
        return tuple(found)
    return tuple(sorted(found, key=values.__getitem__)) if all(map(math.isfinite, values.values())) else tuple(found)
