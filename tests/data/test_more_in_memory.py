"""What is in memory, in the forms that libraries give: missing values, bytes, two columns of one name, lazy frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import headstart as hs
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.data.memory_files import table_of
from headstart.estimators.classifier import HeadstartClassifier

TEXTS = [f"{('good', 'bad')[row % 2]} film {row}" for row in range(24)]
LABELS = [("yes", "no")[row % 2] for row in range(24)]
HOLES = ([None, *TEXTS[1:]], np.array([None, *TEXTS[1:]], object), [*TEXTS[:3], None, *TEXTS[4:]])


@pytest.mark.parametrize("missing", [pd.NA, None, float("nan"), pd.NaT])
def test_a_column_may_begin_with_a_missing_value(missing):
    assert table_of([missing, "a", "b"]) == {"text": [None, "a", "b"]}
    frame = pd.DataFrame({"text": pd.array([None, "a"], dtype="string"), "label": pd.array([None, 1], dtype="Int64")})
    assert table_of(frame) == {"text": [None, "a"], "label": [None, 1]}


def test_bytes_are_texts_in_their_encoding():
    assert table_of(np.array(["ab", "cd"]).astype("S")) == {"text": ["ab", "cd"]}
    assert table_of(["이 영화 정말 좋다".encode("cp949"), b"good"]) == {"text": ["이 영화 정말 좋다", "good"]}


def test_two_columns_of_one_name_are_told_apart():
    cells = np.array([["t1", "yes", "no"], ["t2", "no", "yes"]])
    expected = {"text": ["t1", "t2"], "label": ["yes", "no"], "label_2": ["no", "yes"]}
    assert table_of(pd.DataFrame(cells, columns=["text", "label", "label"])) == expected
    columns = [pa.array(column) for column in cells.T.tolist()]
    assert table_of(pa.Table.from_arrays(columns, names=["text", "label", "label"])) == expected


def test_other_forms_of_a_table():
    assert table_of(pl.DataFrame({"text": ["a"], "label": ["x"]}).lazy()) == {"text": ["a"], "label": ["x"]}
    assert table_of(np.array([["a"], ["b"]])) == {"text": ["a", "b"]}
    assert table_of((["a", "b"], np.ma.array(["x", "y"], mask=[False, True]))) == {
        "text": ["a", "b"],
        "label": ["x", None],
    }


def test_labels_and_routes_may_be_lists(tmp_path):
    found = hs.compare(
        data=(TEXTS, LABELS),
        labels=[8],
        routes=["tfidf_nb", "majority"],
        minutes=1,
        draws=1,
        out=tmp_path / "c",
        audit="skip",
    )
    assert {cell["size"] for cell in read_json(found.folder / "report.json")["cells"]} == {8}


@pytest.mark.parametrize(
    "y", [[*LABELS[:-1], pd.NA], np.array([*LABELS[:-1], None], object), pd.Series([*LABELS[:-1], pd.NaT])]
)
def test_missing_labels_are_named(y):
    with pytest.raises(HeadstartError, match="y: row 23 holds"):
        HeadstartClassifier(route="tfidf_nb").fit(TEXTS, y)


@pytest.mark.parametrize("X", HOLES)
def test_missing_texts_are_named(X):
    with pytest.raises(HeadstartError, match=r"row [03] holds NoneType"):
        HeadstartClassifier(route="tfidf_nb").fit(X, LABELS)


@pytest.mark.parametrize("empty", [[], pd.DataFrame({"text": []}), np.array([], dtype=str), pd.Series([], dtype=str)])
def test_nothing_in_is_nothing_out(empty):
    made = HeadstartClassifier(route="tfidf_nb").fit(TEXTS, LABELS)
    assert made.predict(empty).shape == (0,)
