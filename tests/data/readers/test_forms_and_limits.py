"""What readers of packed tables and pictures take and refuse: forms of arrays, streams that cannot be sought, sizes."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from openpyxl import Workbook
from PIL import Image
from pyarrow import parquet
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.readers import coco, excel, image_zip, jsonl, squad, txt

GREY = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)  # two images of 3 rows of 4 pixels
COLOUR = np.stack([GREY, GREY + 100, 255 - GREY], axis=-1)


def rows_of(path: Path) -> list[dict]:
    return [row.value for row in read_rows(str(path), Ledger())]


def pictures(path: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(row["image"].read()))) for row in rows_of(path)]


def refused(path: Path, **how: object) -> str:
    with pytest.raises(HeadstartError) as caught:
        list(read_rows(str(path), Ledger(), **how))
    said = str(caught.value)
    assert "\n" not in said
    assert path.name in said
    return said


FORMS = {
    "grey": (GREY, GREY),
    "one channel last": (GREY[..., None], GREY),
    "one channel first": (GREY[:, None], GREY),
    "colours last": (COLOUR, COLOUR),
    "colours first": (np.moveaxis(COLOUR, -1, 1), COLOUR),
    "floats": ((COLOUR / 255).astype(np.float32), COLOUR),
    "black and white": (GREY % 2 == 1, (GREY % 2) * 255),
    "16 bits": (GREY.astype(np.uint16) * 1000, GREY.astype(np.uint16) * 1000),
    "whole numbers of 64 bits": (GREY.astype(np.int64), GREY),
    "three rows are no channels": (COLOUR[:, :, :3], COLOUR[:, :, :3]),
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_images(form, tmp_path):
    given, wanted = FORMS[form]
    np.savez(tmp_path / "a.npz", images=given)
    found = pictures(tmp_path / "a.npz")
    assert len(found) == 2
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (GREY[0], "[3, 4]; expected images [N, H, W]"),
        (np.zeros((2, 2, 4, 5), np.uint8), "[2, 2, 4, 5]; expected images"),
        (np.zeros((2, 0, 4), np.uint8), "[2, 0, 4]; expected images"),
        (GREY / 100 + 0.9, "from 0.9 to 1.13; expected"),
        (GREY / 100 - 0.1, "from -0.1 to 0.13; expected"),
        (GREY * np.nan, "expected 8 or 16 bits"),
        (np.where(GREY == 0, np.nan, GREY / 255), "expected 8 or 16 bits"),
        (np.where(GREY == 0, np.inf, GREY / 255), "expected 8 or 16 bits"),
        (GREY.astype(np.int32) - 1, "from -1 to 22; expected"),
        (GREY.astype(np.int64) + 65_513, "from 65513 to 65536; expected"),
        (np.full((2, 3, 4), "a"), "<U1; expected"),
    ],
)
def test_arrays_that_are_no_images(array, words, tmp_path):
    np.savez(tmp_path / "a.npz", images=array)
    assert words in refused(tmp_path / "a.npz")


def test_labels_of_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.array([[b"cat"], [b"dog"]]))
    assert [row["label"] for row in rows_of(tmp_path / "a.npz")] == ["cat", "dog"]
    np.savez(tmp_path / "b.npz", images=GREY, labels=np.arange(3))
    assert "'labels' is [3]; expected one label for each of 2 images" in refused(tmp_path / "b.npz")


def test_an_array_that_is_packed_in_another_way(tmp_path):
    plain = io.BytesIO()
    np.save(plain, GREY)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("images.npy", plain.getvalue())
    assert "packed by a method that is not read; write it by np.savez" in refused(tmp_path / "a.npz")


def workbook(path: Path, *rows: tuple) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def small_files(folder: Path) -> dict[str, Path]:
    """One file of each format that is read by seeking, not packed."""
    table = pa.table({"text": ["one", "two"]})
    parquet.write_table(table, folder / "a.parquet")
    with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    np.savez(folder / "a.npz", images=GREY)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a/1.png", flat(9))
    workbook(folder / "a.xlsx", ("text", "label"), ("one", "x"), ("two", "y"))
    return {path.suffix: path for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".npz", ".xlsx"])
def test_what_is_read_by_seeking_is_not_read_packed(suffix, tmp_path):
    """The twin: not packed, each is read."""
    path = small_files(tmp_path)[suffix]
    assert len(rows_of(path)) == 2
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert "give the" in refused(packed) or "cannot be read" in refused(packed)


def test_numbers_of_a_sheet_are_whole_where_they_can_be(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("text", "stars"), ("one", 4.0), ("two", 4.5), ("three", True))
    assert [row["stars"] for row in rows_of(path)] == [4, 4.5, True]
    assert excel._value(3.0) == 3
    assert isinstance(excel._value(3.0), int)


def test_a_sheet_ends_at_its_last_row(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", ("text", "label"), *[(f"text {n}", "x") for n in range(4)])
    monkeypatch.setattr(excel, "MOST_ROWS", 5)
    assert len(rows_of(path)) == 4
    monkeypatch.setattr(excel, "MOST_ROWS", 4)
    assert "a row beyond number 4, the last one of a sheet" in refused(path)


def test_a_wide_sheet_is_told_by_fewer_rows(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", ("text", "label"), *[(f"text {n}", "x") for n in range(9)])
    seen = []
    real = excel._begin
    monkeypatch.setattr(excel, "_begin", lambda head: (seen.append(len(head)), real(head))[1])
    rows_of(path)
    monkeypatch.setattr(excel, "_SNIFFED_CELLS", 6)
    assert len(rows_of(path)) == 9
    assert seen == [10, 3]


QUESTIONS = [{"id": name, "question": "b ?", "answers": [{"text": "b", "answer_start": 2}]} for name in "xy"]
LISTS = {
    "coco": (coco, coco.Coco(), {"images": [{"id": n, "file_name": f"{n}.png"} for n in (1, 2)], "annotations": []}),
    "squad": (squad, squad.Squad(), {"data": [{"title": "t", "paragraphs": [{"context": "A b.", "qas": QUESTIONS}]}]}),
    "jsonl": (jsonl, jsonl.JsonLines(), [{"text": "one"}, {"text": "two"}]),
}


@pytest.mark.parametrize("name", LISTS)
def test_one_value_of_json_has_a_largest_size(name, tmp_path, monkeypatch):
    """One byte more than is allowed is refused before it is parsed; as many bytes as are allowed are parsed."""
    module, reader, value = LISTS[name]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, indent=1))
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(flat(9))
    size = path.stat().st_size
    monkeypatch.setattr(module, "_MOST_BYTES", size - 1)
    assert "GiB" in refused(path, reader=reader)
    monkeypatch.setattr(module, "_MOST_BYTES", size)
    assert len(list(read_rows(str(path), Ledger(), reader=reader))) == 2


def test_an_image_of_an_archive_has_a_largest_size(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/1.png", flat(9))
        archive.writestr("b/2.png", flat(9) + b"\0" * 9)
    assert len(rows_of(tmp_path / "a.zip")) == 2
    monkeypatch.setattr(image_zip, "MOST_IMAGE_BYTES", len(flat(9)))
    ledger = Ledger()
    assert len(list(read_rows(str(tmp_path / "a.zip"), ledger))) == 1
    assert ledger.skipped == {"too large when unpacked": 1}


def test_a_document_of_many_lines_is_cut(tmp_path, monkeypatch):
    """Documents that blank lines part, as of CoNLL-like plain text: a document of more bytes than a row may have."""
    lines = [f"line number {number} of a long document" for number in range(30)]
    text = "\n\n".join("\n".join(lines) for _ in range(3)) + "\n"
    (tmp_path / "a.txt").write_text(text)
    ledger = Ledger()
    whole = [row.value for row in read_rows(str(tmp_path / "a.txt"), ledger, reader=txt.Text(unit="paragraph"))]
    assert whole == ["\n".join(lines)] * 3
    monkeypatch.setattr(txt, "MAX_ROW_BYTES", 1200)
    cut = [row.value for row in read_rows(str(tmp_path / "a.txt"), ledger, reader=txt.Text(unit="paragraph"))]
    assert len(cut) == 9
    assert "\n".join(cut).split("\n") == lines * 3
    assert all(3 * len(one) <= 1200 + 3 * len(lines[0]) for one in cut)
    assert any("cut into pieces" in note for note in ledger.notes)
