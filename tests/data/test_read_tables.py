"""How a table is written is told by its contents: what ends cells, quotes, where the column names are or are not."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.readers.csv import Csv

REVIEWS = [("good film, really", "pos"), ("bad film", "neg"), ("so so; well", "pos"), ('he said "no"', "neg")] * 3


def read(tmp_path, text: str, name: str = "rows.csv", **how):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    ledger = Ledger()
    rows = [row.value for row in read_rows(str(tmp_path / name), ledger, reader=Csv(**how) if how else None)]
    return rows, ledger


def written(rows, header=("text", "label"), delimiter=",", quoting=csv.QUOTE_MINIMAL, end="\r\n") -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([header, *rows] if header else rows)
    return sink.getvalue()


def as_rows(pairs, header=("text", "label")):
    return [dict(zip(header, pair)) for pair in pairs]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_what_spreadsheets_and_libraries_write_comes_back(tmp_path, delimiter, quoting, end, name):
    pairs = [*REVIEWS, ("first line\nsecond line", "pos"), ("a\ttab, a | bar; all", "neg")]
    found, ledger = read(tmp_path, written(pairs, delimiter=delimiter, quoting=quoting, end=end), name)
    assert found == as_rows(pairs)
    assert not ledger.skipped


def test_a_late_cell_of_several_lines_in_a_table_with_tabs(tmp_path):
    """Of 2,000 rows only the last has a cell that needs quotes."""
    pairs = [(f"review {number}", "pos") for number in range(2_000)] + [("one\ntwo\nthree", "neg")]
    found, ledger = read(tmp_path, written(pairs, delimiter="\t"), "rows.tsv")
    assert found == as_rows(pairs)
    assert any("1 rows that fit in no other way" in note for note in ledger.notes)
    turned = [pair[::-1] for pair in pairs]
    found, _ = read(tmp_path, written(turned, ("label", "text"), delimiter="\t"), "rows.tsv")
    assert found == as_rows(turned, ("label", "text"))


def test_stray_quotes_between_tabs_are_text(tmp_path):
    lines = ["text\tlabel", '"반쪽\t1', '""둘""\t0', '"온전"\t1', 'a "b" c\t0', '끝"\t1']
    found, ledger = read(tmp_path, "\n".join(lines) + "\n", "rows.tsv")
    assert found == [dict(zip(("text", "label"), line.split("\t"))) for line in lines[1:]]
    assert not ledger.skipped


def test_the_line_that_excel_writes_first(tmp_path):
    found, ledger = read(tmp_path, "sep=;\n" + written(REVIEWS, delimiter=";"))
    assert found == as_rows(REVIEWS)
    assert any("its first line says that cells end at semicolon" in note for note in ledger.notes)


@pytest.mark.parametrize("before", ["Exported 2026-11-27\n", "Report of reviews\n\nby the shop\n", "A, B and C\n\n"])
def test_lines_before_the_table(tmp_path, before):
    found, ledger = read(
        tmp_path,
        before
        + written(REVIEWS, ("id", "text", "label"))[:0]
        + written([(str(number), *pair) for number, pair in enumerate(REVIEWS)], ("id", "text", "label")),
    )
    assert [row["text"] for row in found] == [text for text, _ in REVIEWS]
    assert any("the table begins at line" in note for note in ledger.notes)


def test_column_names_again(tmp_path):
    found, ledger = read(tmp_path, written(REVIEWS) + written(REVIEWS))
    assert found == as_rows(REVIEWS) * 2
    assert dict(ledger.skipped) == {"the column names again": 1}


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize(
    "labels", [("pos", "neg"), ("1", "0"), ("5", "1"), ("entailment", "neutral")], ids=lambda one: one[0]
)
def test_a_table_without_column_names_loses_no_row(tmp_path, delimiter, labels):
    pairs = [(text, labels[place % 2]) for place, (text, _) in enumerate(REVIEWS)]
    found, ledger = read(tmp_path, written(pairs, None, delimiter))
    assert found == as_rows(pairs, ("1", "2"))
    assert any("its first line is a row, not column names" in note for note in ledger.notes)
    found, _ = read(tmp_path, written([pair[::-1] for pair in pairs], None, delimiter))
    assert found == as_rows([pair[::-1] for pair in pairs], ("1", "2"))


def test_numbers_without_column_names(tmp_path):
    pairs = [(f"a film with some words in it {place}", str(place * 0.5)) for place in range(12)]
    found, _ = read(tmp_path, written(pairs, None))
    assert found == as_rows(pairs, ("1", "2"))


@pytest.mark.parametrize(
    "header",
    [
        ("sms", "spam"),
        ("comments", "hate"),
        ("How satisfied were you with our service?", "answer"),
        ("2019", "2020"),
        ("후기", "평점"),
        ("문항\n(하나만 고르세요)", "답"),
    ],
)
def test_column_names_of_all_kinds_are_names(tmp_path, header):
    values = ("spam", "ham") if header[1] == "spam" else ("hate", "none")
    pairs = [(f"a message with a few words {place}", values[place % 2]) for place in range(20)]
    if header[0] == "2019":
        pairs = [(str(place), str(place + 1)) for place in range(20)]
    found, _ = read(tmp_path, written(pairs, header))
    assert found == as_rows(pairs, header)


def test_what_is_given_is_not_decided(tmp_path):
    pairs = [(text, str(place % 2)) for place, (text, _) in enumerate(REVIEWS)]
    found, _ = read(tmp_path, written(pairs, None), header=True)
    assert list(found[0]) == list(pairs[0])
    found, _ = read(tmp_path, written(REVIEWS), header=False)
    assert found == as_rows([("text", "label"), *REVIEWS], ("1", "2"))
    found, _ = read(tmp_path, "a,b;c\n1,2;3\n", delimiter=";")
    assert found == [{"a,b": "1,2", "c": "3"}]


def test_rows_with_one_cell_more_than_names(tmp_path):
    """write.table of R names no column of row names."""
    found, ledger = read(tmp_path, "text label\n".replace(" ", "\t") + "1\tgood\tpos\n2\tbad\tneg\n", "rows.tsv")
    assert found == [{"1": "1", "text": "good", "label": "pos"}, {"1": "2", "text": "bad", "label": "neg"}]
    assert any("one cell more" in note for note in ledger.notes)


def test_one_column(tmp_path):
    found, _ = read(tmp_path, "text\ngood; fine\nbad\n")
    assert found == [{"text": "good; fine"}, {"text": "bad"}]


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=12
)
TABLES = st.lists(st.tuples(CELLS.filter(bool), st.sampled_from(["pos", "neg"])), min_size=1, max_size=12)


@given(pairs=TABLES, delimiter=st.sampled_from(",;|\t"))
@settings(max_examples=60)
def test_any_quoted_table_comes_back(pairs, delimiter, tmp_path_factory):
    text = written(pairs, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    found, ledger = read(tmp_path_factory.mktemp("table"), text)
    assert found == as_rows(pairs)
    assert ledger.read == len(ledger.skipped) == 0


@pytest.mark.parametrize(
    "text",
    [
        written(REVIEWS, None, "\t", end="\n").replace('"', ""),
        written(REVIEWS, delimiter="\t"),
        written(REVIEWS),
        written(REVIEWS, delimiter="|"),
        "".join(f'{{"text": "{text.replace(chr(34), "")}", "label": "{label}"}}\n' for text, label in REVIEWS),
    ],
    ids=["tabs without names", "tabs", "commas", "bars", "JSON"],
)
def test_a_table_that_is_called_plain_text_gives_no_labels_as_text(tmp_path, text):
    (tmp_path / "rows.txt").write_text(text)
    found = [one.replace('"', "") for one in Corpus(tmp_path / "rows.txt").documents()]
    assert found == [text.replace('"', "") for text, _ in REVIEWS]
    assert len(list(Corpus(tmp_path / "rows.txt", unit="line").documents())) >= len(REVIEWS)


@pytest.mark.parametrize(
    "text",
    [
        "one, two\nthree, four\nfive, six\n",
        "a | b\nc | d\ne | f\n",
        "\tfor\n\tif\n\twhile\n",
        "a\tb\nc\nd\te\n",
        "x\n" * 5,
    ],
)
def test_plain_text_stays_plain_text(tmp_path, text):
    (tmp_path / "rows.txt").write_text(text)
    assert list(Corpus(tmp_path / "rows.txt").documents()) == text.splitlines()


@pytest.mark.parametrize("name", ["rows.csv", "rows.txt"])
def test_lines_that_end_with_carriage_returns(tmp_path, name):
    (tmp_path / name).write_text(written(REVIEWS).replace("\r\n", "\r"), newline="")
    assert list(Corpus(tmp_path / name).documents()) == [text for text, _ in REVIEWS]


@pytest.mark.parametrize("rows", [330, 331, 332, 333, 334, 400])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_a_cell_that_goes_on_behind_the_looked_at_lines_changes_nothing(tmp_path, rows, delimiter):
    """Three lines a row: the 1,000 lines that are looked at end within a quoted cell, or between two rows."""
    texts = [f'row {number} "quoted"\n\nlast line' for number in range(rows)]
    path = tmp_path / "rows.tsv"
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(
            [("id", "text", "label"), *((1, text, "a") for text in texts)]
        )
    ledger = Ledger()
    assert [row.value["text"] for row in read_rows(str(path), ledger)] == texts
    assert ledger.skipped == {}
