"""How some five hundred small tables are written, as is told by their lines: it changes on purpose, or not at all.

known_dialects.json holds what `dialect` says of each table, those of a group drawn by its seed. The tests of
test_dialect.py say why a table is told as it is, this one that it stays. After a wanted change:
`python tests/data/test_known_dialects.py` writes it anew, and the difference is to be read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import pytest

from headstart.data.dialect import dialect
from headstart.data.row import Line

FILE = Path(__file__).with_name("known_dialects.json")
GROUPS, OF_A_GROUP = 12, 40
TEXTS = (
    *("a fine film", "too long, and dull", 'he said "no" twice', '5" wide', "정말 좋았다; 또 볼래", "it's | ok", ""),
    *("not bad at all, really", "one\ntwo lines", 'the "end"', "tab\there", "https://a.org/b", "back\\slash", "word"),
)
NAMES = (
    *(["text", "label", "id", "date"], ["review", "plot", "year", "n"], ["내용", "감성", "번호", "날짜"]),
    *(["2019", "2020", "2021", "2022"], ["How did you like it?", "answer", "a", "b"], ["one\nof two", "x", "y", "z"]),
)
TITLES = ("Report", "Report of reviews, by hand", "", "# made by hand", "# made, by, hand", "#", "text", "id")


def _cell(chosen: Random, kind: str, row: int) -> str:
    match kind:
        case "text":
            return chosen.choice(TEXTS)
        case "long":
            return f"{row} {chosen.choice(TEXTS)} and some more words"
        case "label":
            return chosen.choice(["pos", "neg"])
        case "number":
            return chosen.choice(["1", "2", "3.5", "-4", "5,0", "x"][: chosen.choice([5, 6])])
        case _:
            return str(row)


def _written(chosen: Random, cells: list[str], delimiter: str, style: str) -> str:
    """Return a row as some program writes it."""
    out = []
    for place, cell in enumerate(cells):
        cell = cell if style in ("all", "needed", "escaped", "first") else cell.replace("\n", " ")
        needed = any(mark in cell for mark in ('"', "\n", delimiter))
        match style:
            case "plain":
                out.append(cell.replace(delimiter, " "))
            case "stray" if chosen.random() < 0.1:
                out.append(f'"{cell.replace(delimiter, " ")}')
            case "escaped":
                out.append('"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"')
            case "blank":
                out.append(" " * (place > 0) + '"' + cell.replace('"', '""') + '"')
            case "first" if not needed and place:
                out.append(cell)
            case "needed" | "stray" if not needed:
                out.append(cell)
            case _:
                out.append('"' + cell.replace('"', '""') + '"')
    return delimiter.join(out)


def table(seed: int) -> tuple[list[Line], dict]:
    """Return the lines of a small table, and what is asked of it."""
    chosen = Random(seed)
    delimiter, width = chosen.choice(",;\t|"), chosen.choice([1, 2, 2, 3, 3, 4])
    style = chosen.choice(["plain", "needed", "needed", "all", "escaped", "blank", "stray", "first"])
    kinds = [chosen.choice(["text", "long", "label", "number", "id"]) for _ in range(width)]
    rows = [[_cell(chosen, kind, row) for kind in kinds] for row in range(chosen.randint(3, 14))]
    names = chosen.choice([*NAMES, None, None])
    extra = chosen.choice(["", "", "", "", "index", "trailing", "ragged", "ragged"])
    odd = chosen.choice([0.1, 0.3, 0.5, 0.6]) if extra == "ragged" else float(extra != "")
    for row in rows:
        if chosen.random() < odd:
            row[:] = ["0", *row] if extra == "index" else [*row, *["", "more"][: 1 + (extra == "ragged")]]
    lines = [_written(chosen, row, delimiter, style) for row in rows]
    if names:
        lines.insert(0, _written(chosen, names[:width], delimiter, style if chosen.random() < 0.7 else "needed"))
    if chosen.random() < 0.35:
        padding = delimiter * chosen.choice([0, 0, width - 1, width - 1, 1])
        titles = [chosen.choice(TITLES) + padding for _ in range(chosen.choice([1, 1, 2, 3]))]
        lines = [*titles, *lines]
    if chosen.random() < 0.1:
        lines.insert(0, f"sep={delimiter}")
    if chosen.random() < 0.1:
        lines.insert(chosen.randrange(len(lines)), "")
    texts = "\n".join(lines).split("\n")
    cut = chosen.random() < 0.4
    texts = texts[: chosen.randint(len(texts) // 2 + 1, len(texts))] if cut else texts
    asked = chosen.choice([{}] * 6 + [{"quoting": "yes"}, {"quoting": "no"}, {"header": True}, {"header": False}])
    return [Line(number, text) for number, text in enumerate(texts, 1)], {"cut": cut, **asked}


def told(group: int) -> list[str]:
    """Return what is said of the tables of a group."""
    out = []
    for number in range(OF_A_GROUP):
        lines, asked = table(OF_A_GROUP * group + number)
        found = dialect(lines, **asked)
        marks = ("marks" if found.quoted else "text") + ", escaped" * found.escaped
        place = f"{found.width} wide after {found.skipped} lines"
        out.append(f"{found.delimiter!r} {marks} ({found.why}) {place} {found.header} {'; '.join(found.notes)}")
    return out


@pytest.mark.parametrize("group", range(GROUPS))
def test_tables_are_told_as_is_known(group):
    assert told(group) == json.loads(FILE.read_text(encoding="utf-8"))[group]


def test_a_table_that_is_told_otherwise_is_found(monkeypatch):
    """The twin: a share that decides is another one."""
    monkeypatch.setattr("headstart.data.dialect._USUAL", 0.9)
    known = json.loads(FILE.read_text(encoding="utf-8"))
    assert any(told(group) != known[group] for group in range(GROUPS))


if __name__ == "__main__":
    known = [told(group) for group in range(GROUPS)]
    FILE.write_text(json.dumps(known, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit()
