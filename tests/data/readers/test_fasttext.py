"""Labels are cut off the texts of fastText files, also where they are called plain text."""

from __future__ import annotations

import pytest

from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.readers.fasttext import FastText

LINES = "__label__pos good film\n__label__neg , bad film\n\n__label__pos __label__long a long good film\n"


@pytest.mark.parametrize("name", ["rows.ft", "rows.txt", "rows"])
def test_labels_are_no_text(tmp_path, name):
    (tmp_path / name).write_text(LINES)
    rows = [row.value for row in read_rows(str(tmp_path / name), Ledger())]
    assert rows == [
        {"text": "good film", "label": "pos"},
        {"text": "bad film", "label": "neg"},
        {"text": "a long good film", "label": ["pos", "long"]},
    ]
    assert list(Corpus(tmp_path / name).documents()) == ["good film", "bad film", "a long good film"]


LINE = b"__label__a words\n"
STREAMS = {
    "two lines": (LINE * 2, True),
    "a line": (LINE, False),
    "a line and a blank one": (LINE + b"\n \n", False),
    "blanks before labels": ((b"  " + LINE) * 2, True),
    "a line without a label": (LINE * 2 + b"words\n" + LINE, False),
    "no label after fifteen lines": (LINE * 15 + b"words\n", False),
    "no label after thirty lines": (LINE * 30 + b"words\n", True),
    "nothing": (b"", False),
}


def test_streams_that_are_taken_for_labelled_lines():
    assert {name: FastText.recognises(data) for name, (data, _) in STREAMS.items()} == {
        name: wanted for name, (_, wanted) in STREAMS.items()
    }
    assert FastText.plain


def test_lines_with_labels_without_and_with_labels_alone(tmp_path):
    lines = ["words alone", "", "__label__a", "__label__a, __label__b , both", " __label__a, words __label__c"]
    (tmp_path / "rows.ft").write_text("\n".join(lines))
    rows = [(row.value["text"], row.value["label"], row.line) for row in read_rows(str(tmp_path / "rows.ft"), Ledger())]
    assert rows == [
        ("words alone", None, 1),
        ("", "a", 3),
        ("both", ["a", "b"], 4),
        ("words __label__c", "a", 5),
    ]


def test_one_line_with_a_label_inside_is_text(tmp_path):
    (tmp_path / "rows.txt").write_text("write __label__x before it\nplain\n")
    assert len(list(Corpus(tmp_path / "rows.txt").documents())) == 2
