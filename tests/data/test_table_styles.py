"""Tables as programs write them, in many styles at random: what was written is what is read."""

from __future__ import annotations

import csv
import io
import random

import pytest

from headstart.data.ledger import Ledger
from headstart.data.open import read_rows

PARTS = (
    *("great film, loved it", "would watch again", "too long; not for me", 'he said "no" twice', '5" screen', "it's"),
    *("I left early, really", '"quoted" start', "a", "x,y,z", "tab\there", 'end with quote"', "ok", "좋다, 정말"),
)
STYLES = [
    (delimiter, quoting, escaped)
    for delimiter in ",;\t|"
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
    for escaped in (False, True)
]
REVIEWS = [
    (f"{PARTS[number % 14]} {number}".replace('"', "").replace("\t", " "), "pn"[number % 2]) for number in range(60)
]


def reviews(chooser: random.Random, count: int, lines: float) -> list[tuple[str, str]]:
    """Texts of one to three parts, with line ends between them for a share of the texts."""
    out = []
    for _ in range(count):
        parts = [chooser.choice(PARTS) for _ in range(chooser.randint(1, 3))]
        out.append((("\n" if chooser.random() < lines else " ").join(parts), chooser.choice(("pos", "neg"))))
    return out


def read(path, text: str, text_column="text", label_column="label"):
    path.write_text(text, encoding="utf-8", newline="")
    rows = [row.value for row in read_rows(str(path), Ledger())]
    return [(row[text_column], row[label_column]) for row in rows]


def written(rows, delimiter=",", header=("text", "label"), **how) -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n", **how).writerows([header, *rows] if header else rows)
    return stream.getvalue()


@pytest.mark.parametrize("number", range(len(STYLES)))
def test_what_was_written_is_what_is_read(number, tmp_path):
    delimiter, quoting, escaped = STYLES[number]
    chooser = random.Random(number)
    how = {"quoting": quoting} | ({"doublequote": False, "escapechar": "\\"} if escaped else {})
    for count, lines in ((12, 0.5), (60, 0.0), (60, 1.0), (400, 0.3)):
        rows = reviews(chooser, count, lines)
        for place, order in enumerate((("text", "label"), ("label", "text"), ("id", "text", "label"))):
            cells = [
                [{"text": text, "label": label, "id": row}[name] for name in order]
                for row, (text, label) in enumerate(rows)
            ]
            path = tmp_path / f"{count}-{lines}-{place}.{'tsv' if delimiter == chr(9) else 'csv'}"
            assert read(path, written(cells, delimiter, order, **how)) == rows, (order, count, lines)


def test_one_stray_quote_spoils_its_own_row_alone(tmp_path):
    rows = [(f"a text {number}", "pn"[number % 2]) for number in range(300)]
    lines = written(rows, quoting=csv.QUOTE_ALL).splitlines(keepends=True)
    lines[151] = '"a text 150,p\n'
    found = read(tmp_path / "rows.csv", "".join(lines))
    assert found == [*rows[:150], ('"a text 150', "p"), *rows[151:]]


@pytest.mark.parametrize(
    ("name", "head", "line"),
    [
        ("as R writes a frame", '"text"\t"label"\n', '"{number}"\t"{text}"\t"{label}"\n'),
        ("a column in quotes", "text\tlabel\n", '"{text}"\t{label}\n'),
        ("two columns in quotes", "id\ttext\tlabel\n", '{number}\t"{text}"\t"{label}"\n'),
        ("a space before a quote", '"text", "label"\n', '"{text}", "{label}"\n'),
        ("a mark of Excel for tabs", "sep=\t\ntext\tlabel\n", "{text}\t{label}\n"),
        ("a padded title", "2024 고객 만족도 조사,,\n번호,내용,감성\n", '{number},"{text}",{label}\n'),
        ("a padded title of two cells", "Report,\ntext,label\n", '"{text}",{label}\n'),
        ("a line of commas", ",\ntext,label\n", '"{text}",{label}\n'),
        ("a comment with a comma", "# made by tool, version 2\ntext,label\n", '"{text}",{label}\n'),
        ("a title with a comma", "제목, 2024년 3월\n내용,라벨\n", '"{text}",{label}\n'),
        ("two lines of names", "응답자,응답,응답\n번호,내용,감성\n", '{number},"{text}",{label}\n'),
        ("an index without a name", ",text,label\n", '{number},"{text}",{label}\n'),
    ],
)
def test_tables_of_other_programs(tmp_path, name, head, line):
    body = "".join(line.format(number=number, text=text, label=label) for number, (text, label) in enumerate(REVIEWS))
    text, label = ("내용", "감성" if "감성" in head else "라벨") if "내용" in head else ("text", "label")
    suffix = "tsv" if "\t" in head else "csv"
    assert read(tmp_path / f"rows.{suffix}", head + body, text, label) == REVIEWS


def test_parts_with_marks_and_names_that_come_again(tmp_path):
    part = written(REVIEWS)
    other = part.replace("text,label", "Text, LABEL ", 1)
    assert read(tmp_path / "rows.csv", "\ufeff".join(["", part, other, part])) == REVIEWS * 3


def test_quotes_that_come_late_between_tabs(tmp_path):
    plain = [(f"plain {number}", "pos") for number in range(1_100)]
    text = written(plain, "\t") + '"left ""x"" me"\tneg\n'
    assert read(tmp_path / "rows.tsv", text) == [*plain, ('left "x" me', "neg")]


@pytest.mark.parametrize("strange", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_line_ends_that_are_none(tmp_path, strange):
    rows = [(f"{text}{strange}more", label) for text, label in REVIEWS]
    assert read(tmp_path / "rows.txt", written(rows, "\t")) == rows
