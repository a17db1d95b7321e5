"""Labels are cut off the texts of fastText files, also where they are called plain text."""

from __future__ import annotations

import pytest

from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows

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


def test_one_line_with_a_label_inside_is_text(tmp_path):
    (tmp_path / "rows.txt").write_text("write __label__x before it\nplain\n")
    assert len(list(Corpus(tmp_path / "rows.txt").documents())) == 2
