"""What is in memory becomes one file of the cache: every library, images, pairs, missing values, what is refused."""

from __future__ import annotations

import datetime
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data.ledger import Ledger
from headstart.data.memory_files import as_files, table_of
from headstart.data.open import read_rows

TEXTS, LABELS = ["좋은 영화", "bad soup", "so so"], ["good", "bad", None]
TABLE = {"text": TEXTS, "label": LABELS}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def kinds():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS, "label": pandas.array(LABELS, dtype="string")}, index=[7, 7, 9])
    yield "pandas", frame
    yield "pyarrow", pa.table(TABLE)
    yield "columns", {"text": np.array(TEXTS, object), "label": pandas.Series(LABELS)}
    yield "rows", [dict(zip(TABLE, row)) for row in zip(TEXTS, LABELS)]
    yield "generator of rows", (dict(zip(TABLE, row)) for row in zip(TEXTS, LABELS))
    yield "texts and labels", (TEXTS, LABELS)
    yield "arrays", (np.array(TEXTS), np.array(LABELS, object))
    yield "a column and labels", (pa.chunked_array([TEXTS]), tuple(LABELS))


def test_every_kind_of_table_is_the_same_file(cache):
    found = {name: as_files(given) for name, given in kinds()}
    assert len({tuple(paths) for paths in found.values()}) == 1, found
    (path,) = found["pandas"]
    assert path.startswith(str(cache))
    rows = [row.value for row in read_rows(path, Ledger())]
    assert rows == [dict(zip(TABLE, row)) for row in zip(TEXTS, LABELS)]


@pytest.mark.parametrize("library", ["polars", "datasets"])
def test_other_libraries(library):
    made = pytest.importorskip(library)
    given = made.DataFrame(TABLE) if library == "polars" else made.Dataset.from_dict(TABLE)
    assert as_files(given) == as_files(TABLE)
    if library == "polars":
        assert as_files(given["text"]) == as_files(TEXTS)


def test_classes_of_datasets_are_their_names():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"]))
    made = datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 0, -1]}, features)
    assert table_of(made)["label"] == ["yes", "no", None]
    with pytest.raises(HeadstartError, match=r"several parts \(train\); give one: data\['train'\]"):
        as_files(datasets.DatasetDict(train=made))


@pytest.mark.parametrize(
    "given",
    [TEXTS, tuple(TEXTS), np.array(TEXTS), pa.array(TEXTS), (text for text in TEXTS)],
    ids=lambda one: type(one).__name__,
)
def test_texts_alone(given):
    assert table_of(given) == {"text": TEXTS}


def test_names_of_files_stay_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tsv").write_text("x")
    assert as_files("gone.csv") == ["gone.csv"]  # the readers say that it is not there
    assert as_files(tmp_path / "a.tsv") == [str(tmp_path / "a.tsv")]
    assert as_files(["a.tsv", "b.tsv"]) == ["a.tsv", "b.tsv"]
    assert as_files("-") == ["-"]
    assert as_files(["a.tsv", "a long text, no file"])[0].endswith(".jsonl")
    assert as_files(["x" * 5_000, "\0"])[0].endswith(".jsonl")


def picture(level: int) -> Image.Image:
    return Image.new("RGB", (6, 4), (level, 0, 0))


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "kind",
    [
        lambda images: images,
        lambda images: [np.asarray(image) for image in images],
        lambda images: np.stack([np.asarray(image) for image in images]),
        lambda images: [encoded(image) for image in images],
        lambda images: [ImageRef.from_bytes(encoded(image)) for image in images],
        lambda images: [{"bytes": encoded(image), "path": None} for image in images],
        lambda images: {"image": images},
    ],
    ids=["pillow", "arrays", "one array", "bytes", "references", "hugging face", "column"],
)
def test_images(kind):
    (path,) = as_files((kind([picture(level) for level in (10, 200)]), ["dark", "light"]))
    rows = [row.value for row in read_rows(path, Ledger())]
    assert [row["label"] for row in rows] == ["dark", "light"]
    assert [np.asarray(Image.open(io.BytesIO(row["image"].read()))).max() for row in rows] == [10, 200]


def test_grey_images_of_an_array():
    (path,) = as_files(np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8))
    (first, _) = [row.value["image"] for row in read_rows(path, Ledger())]
    assert Image.open(io.BytesIO(first.read())).size == (8, 8)


def test_missing_and_odd_values():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "text": ["a", None, "c"],
            "stars": [1.0, float("nan"), 3.0],
            "when": pandas.to_datetime(["2026-01-02", None, "2026-01-04"]),
            "tags": [["x", "y"], [], None],
            5: pandas.array([True, None, False], dtype="boolean"),
        }
    )
    table = table_of(frame)
    assert table["text"] == ["a", None, "c"]
    assert table["stars"] == [1.0, None, 3.0]
    assert table["when"][1] is None
    assert table["when"][0].startswith("2026-01-02")
    assert table["tags"] == [["x", "y"], [], None]
    assert table["5"] == [True, None, False]
    assert table_of([{"text": "a", "day": datetime.date(2026, 1, 2)}])["day"] == ["2026-01-02"]
    assert json.dumps(table)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"text": ["a", "b"], "label": ["x"]}, "different numbers of rows: 'text' 2, 'label' 1"),
        (["a", "b"][:0], "no row is given"),
        ({"text": []}, "no row is given"),
        (7, "int cannot be read; give texts, images, a table"),
        ([{"text": "a"}, "b"], "row 1 is str, no columns by name"),
        ([object()], "a list of object cannot be read"),
        ([("a", "b"), ("c",)], "row 1 is no pair of texts"),
    ],
)
def test_what_cannot_be_read_is_named(given, complaint):
    with pytest.raises(HeadstartError, match=complaint):
        as_files(given)


def test_without_a_cache_the_file_goes_with_the_program(monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", "off")
    (path,) = as_files(TEXTS)
    assert [row.value["text"] for row in read_rows(path, Ledger())] == TEXTS


def test_what_was_given_counts_to_the_limit_of_the_cache(cache):
    import os

    from headstart.core.disk_cache import DiskCache

    small = DiskCache(cache, limit=250)
    paths = [small.keep("rows.jsonl", bytes([number]) * 100) for number in range(2)]
    os.utime(paths[1], (1, 1))  # read longest ago
    third = small.keep("rows.jsonl", b"x" * 100)
    assert [path.exists() for path in (*paths, third)] == [True, False, True]
    large = small.keep("rows.jsonl", b"y" * 1_000)  # it is needed now, whatever the limit
    assert large.exists()
    assert small.keep("rows.jsonl", b"y" * 1_000) == large
