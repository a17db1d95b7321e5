"""Tables of images: bytes, paths and pairs of both become references; other cells stay as they are."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_images import flat

from headstart.core.examples import ImageRef
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.read_request import ReadRequest
from headstart.tasks.classify import ClassifyTask

IMAGES = [flat(10), flat(20, kind="JPEG"), flat(30, kind="BMP")]


@pytest.fixture(params=["csv", "jsonl", "parquet of paths", "parquet of bytes", "parquet of pairs"])
def table(request, tmp_path):
    """A table of three images with labels, its files beside it."""
    names = ["pictures/a.png", "pictures/b.JPG", "pictures/c.bmp"]
    (tmp_path / "pictures").mkdir()
    for name, data in zip(names, IMAGES):
        (tmp_path / name).write_bytes(data)
    labels, kind = ["cat", "dog", "cat"], request.param
    if kind == "csv":
        lines = ["image,label", *(f"{name},{label}" for name, label in zip(names, labels))]
        (tmp_path / "t.csv").write_text("\n".join(lines))
        return tmp_path / "t.csv"
    if kind == "jsonl":
        lines = [json.dumps({"image": name, "label": label}) for name, label in zip(names, labels)]
        (tmp_path / "t.jsonl").write_text("\n".join(lines))
        return tmp_path / "t.jsonl"
    cells = {
        "parquet of paths": names,
        "parquet of bytes": IMAGES,
        "parquet of pairs": [{"bytes": data, "path": None} for data in IMAGES],
    }[kind]
    pq.write_table(pa.table({"image": cells, "label": labels}), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_cells_become_images(table):
    examples, ledger = ClassifyTask().read_examples(ReadRequest(paths=table))
    assert [item.read() for item in examples.items] == IMAGES
    assert [examples.classes[label] for label in examples.labels] == ["cat", "dog", "cat"]
    assert ledger.balanced
    corpus = Corpus(table)
    assert [document.read() for document in corpus.documents()] == IMAGES
    assert corpus.takes == "image"


def test_a_missing_file_is_named_and_the_other_rows_are_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "t.csv").write_text("image,label\na.png,x\ngone.png,y\n")
    ledger = Ledger()
    rows = list(read_rows(str(tmp_path / "t.csv"), ledger))
    assert [row.value["label"] for row in rows] == ["x"]
    assert dict(ledger.skipped) == {"no such image": 1}
    assert "gone.png" in ledger.summary()


@pytest.mark.parametrize("cells", [["a.png", "a picture"], ["gone.png", "gone2.png"], ["see a.png", ""]])
def test_texts_that_name_no_images_stay_texts(tmp_path, cells):
    (tmp_path / "t.csv").write_text("note,label\n" + "".join(f"{cell},x\n" for cell in cells))
    assert [row.value["note"] for row in read_rows(str(tmp_path / "t.csv"), Ledger())] == cells


def test_a_column_of_text_goes_before_one_of_images(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "t.csv").write_text("image,text\na.png,a film\n")
    assert list(Corpus(tmp_path / "t.csv").documents()) == ["a film"]
    (image,) = Corpus(tmp_path / "t.csv", column="image").documents()
    assert image == ImageRef.from_bytes(b"a")
