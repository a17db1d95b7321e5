"""Readers of images: which folders are classes, which files are none, and what strangers' archives may not do."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fuzzed_archives import damaged_archive
from fuzzed_images import damaged_image
from image_checks import outcome, placed, within
from pyarrow import parquet
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data import row
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_items

IMAGE = flat(9)


def packed(place: Path, names: list[str], data: bytes = IMAGE, name: str = "a.zip") -> Path:
    with zipfile.ZipFile(place / name, "w") as archive:
        for member in names:
            archive.writestr(zipfile.ZipInfo(member), data)
    return place / name


def laid(place: Path, names: list[str], data: bytes = IMAGE) -> Path:
    for name in names:
        (place / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "d" / name).write_bytes(data)
    return place / "d"


def labels(path: Path, ledger: Ledger | None = None) -> list[str | None]:
    rows = read_rows(str(path), ledger or Ledger())
    return [row.value.get("label") for row in rows]


@pytest.mark.parametrize("number", [*range(0, 280, 5)])
def test_few_of_the_fuzzed_images(number, tmp_path):
    """The short form of tests/full/test_fuzzed_images.py."""
    fuzzed = damaged_image(number)
    assert outcome(fuzzed, placed(fuzzed, tmp_path)).total() == 1


@pytest.mark.parametrize("start", [0, 24])
def test_few_of_the_fuzzed_archives(start, tmp_path):
    for number in range(start, start + 24):
        fuzzed = damaged_archive(number)
        found = outcome(fuzzed, placed(fuzzed, tmp_path))
        assert found.total() >= 1
        assert not fuzzed.bomb or set(found) == {"refused"}


@pytest.mark.parametrize("kind", [packed, laid])
@pytest.mark.parametrize(
    ("names", "expected", "said"),
    [
        (["train/cat/1.png", "test/dog/2.png"], ["dog", "cat"], "folders test, train are parts of the data"),
        (["images/train/1.png", "images/val/2.png"], [None, None], "folders train, val are parts of the data"),
        (["train/images/1.png", "train/masks/1.png", "dev/images/2.png"], [None, None], "passed over 1 masks"),
        (["images/a/1.png", "images/b/2.png", "masks/a/1.png"], ["a", "b"], "passed over 1 masks"),
        (["train/1.png", "bus/2.png"], ["bus", "train"], ""),  # a class may be called train
        (["mask/1.png", "face/2.png"], ["face", "mask"], ""),  # or mask, where no folder of images lies beside
    ],
)
def test_parts_and_masks_are_no_classes(kind, names, expected, said, tmp_path):
    ledger = Ledger()
    assert labels(kind(tmp_path, names), ledger) == expected
    assert said in " ".join(ledger.notes)
    assert bool(ledger.notes) == bool(said)


def test_boxes_beside_images_are_no_table(tmp_path):
    folder = laid(tmp_path, ["images/1.png", "images/2.png"])
    boxes = {"images": [{"id": 1, "file_name": "1.png"}], "annotations": [{"bbox": [1, 2, 3, 4]}], "categories": []}
    (folder / "boxes.json").write_text(json.dumps(boxes))
    ledger = Ledger()
    assert labels(folder, ledger) == [None, None]
    assert "boxes.json" in ledger.notes[0]
    assert "cut them out to folders by class" in ledger.notes[0]
    with pytest.raises(HeadstartError, match="these images have no labels; put them into a folder for each class"):
        read_labels(folder)


def read_labels(folder: Path) -> None:
    from headstart.tasks.classify import ClassifyTask

    ClassifyTask().read_examples(ReadRequest(paths=folder))


def test_names_of_members_lead_nowhere(tmp_path):
    names = ["/a/1.png", "../b/2.png", "c\\3.png", "a/./../d/4.png"]
    assert labels(packed(tmp_path, names)) == ["b", "a", "a/d", "c"]


def test_a_member_that_lies_about_its_size_is_not_unpacked_further(tmp_path):
    """The directory says 100 bytes; what is packed would be 64 MiB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1 << 26))
    data = bytearray(stream.getvalue())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(data)
    ledger = Ledger()
    assert labels(tmp_path / "lie.zip", ledger) == []
    assert ledger.skipped == {"cannot be unpacked": 1}


def test_members_that_share_their_bytes_are_a_bomb(tmp_path):
    fuzzed = next(
        one for one in map(damaged_archive, range(7, 400, 24)) if one.kind == "ratio" and len(one.data) < 20_000
    )
    (tmp_path / "b.zip").write_bytes(fuzzed.data)
    with pytest.raises(HeadstartError, match=r"b\.zip: it says it holds 3\d\d MiB of images.*looks like a bomb"):
        labels(tmp_path / "b.zip")


@pytest.mark.parametrize("labels_of", [np.array([[3], [5]]), np.array([b"3", b"5"]), np.array(["3", "5"])])
def test_labels_of_an_npz_are_text(labels_of, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 4, 4), np.uint8), y=labels_of)
    assert labels(tmp_path / "a.npz") == ["3", "5"]


def test_damaged_cells_do_not_hide_a_column_of_images(tmp_path):
    cells = [b"", b"junk", None, IMAGE, IMAGE]
    parquet.write_table(pa.table({"image": cells, "label": list("ababa")}), tmp_path / "t.parquet")
    examples, ledger = read_items(ReadRequest(paths=tmp_path / "t.parquet"))
    assert [item.read() for item in examples.items] == [IMAGE, IMAGE]
    assert dict(ledger.skipped) == {"not an image": 2, "no image": 1}


def test_cells_that_name_no_file_are_rejected(tmp_path):
    (tmp_path / "a.png").write_bytes(IMAGE)
    odd = [5, ["a.png"], "a\0.png", "x" * 5000 + ".png", {"bytes": None, "path": "/dev/zero"}]
    rows = [{"image": cell} for cell in ("a.png", *odd, *["a.png"] * 9)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ledger = Ledger()
    found = [row.value["image"] for row in read_rows(str(tmp_path / "t.jsonl"), ledger)]
    assert found == [ImageRef.from_bytes(IMAGE)] * 10
    assert ledger.skipped == {"no such image": 5}
    assert "this is no regular file" in ledger.complaints[-1]
    assert all("\n" not in line and "\0" not in line for line in ledger.complaints)


@pytest.mark.skipif(os.name != "posix", reason="names of files are characters there")
def test_a_name_that_is_no_text_is_left_out(tmp_path):
    folder = laid(tmp_path, ["a/1.png", "b/2.png"])
    Path(os.fsdecode(os.fsencode(folder) + b"/b/\xff.png")).write_bytes(IMAGE)
    ledger = Ledger()
    assert labels(folder, ledger) == ["a", "b"]
    assert ledger.skipped == {"file name is not UTF-8": 1}
    json.dumps(ledger.to_dict(), ensure_ascii=False).encode()


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "large.png", "wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(HeadstartError, match=r"large\.png: the file is too large for an image \(1,048,576 MiB"):
        ImageRef.from_file(tmp_path / "large.png")


def test_texts_and_images_are_not_mixed(tmp_path):
    (tmp_path / "t.txt").write_text("a text\nanother\n")
    folder = laid(tmp_path, ["1.png"])
    with pytest.raises(HeadstartError, match="it holds images, and what was read before texts"):
        list(Corpus([tmp_path / "t.txt", folder]).documents())
    with pytest.raises(HeadstartError, match=r"t\.txt: it holds texts, and what was read before images"):
        read_items(ReadRequest(paths=[str(folder), str(tmp_path / "t.txt")]))


def annotated(place: Path, marks: list[tuple[int, int]], file: str = "labels.json", images: str = "") -> Path:
    """Write three images, and annotations (image, category) of them; return the file."""
    for number in range(3):
        laid(place, [f"{images}{number}.png"], flat(number))
    about = {
        "info": {"year": 2014},
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(3)],
        "annotations": [{"image_id": image, "category_id": kind, "bbox": [0, 0, 1, 1]} for image, kind in marks],
        "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
    }
    (place / "d" / file).parent.mkdir(parents=True, exist_ok=True)
    (place / "d" / file).write_text(json.dumps(about))
    return place / "d" / file


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("labels.json", ""),
        ("labels.json", "images/"),
        ("annotations/val.json", "images/val/"),
        ("annotations/instances_val.json", "val/"),
    ],
)
def test_an_image_of_one_category_has_it_as_label(file, images, tmp_path):
    path = annotated(tmp_path, [(0, 8), (0, 8), (1, 7), (1, 8)], file, images)
    ledger = Ledger()
    assert labels(path, ledger) == ["dog", None, None]
    assert any("1 images are of several categories" in note for note in ledger.notes)
    rows = list(read_rows(str(path), Ledger()))
    assert [row.value["image"].read() for row in rows] == [flat(number) for number in range(3)]
    assert [row.line for row in rows] == [1, 2, 3]


def test_annotations_are_read_for_a_task_and_as_a_corpus(tmp_path):
    from headstart.tasks.classify import ClassifyTask

    path = annotated(tmp_path, [(0, 8), (1, 7), (2, 8), (9, 7), (2, 99)])
    examples, ledger = ClassifyTask().read_examples(ReadRequest(paths=path))
    assert [examples.classes[label] for label in examples.labels] == ["dog", "cat", "dog"]
    assert ledger.balanced
    assert ledger.read == 3
    assert any("2 annotations name no known image or category" in note for note in ledger.notes)
    assert len(list(Corpus(str(path)).documents())) == 3
    (path.parent / "2.png").unlink()
    examples, ledger = ClassifyTask().read_examples(ReadRequest(paths=path))
    assert ledger.skipped["no such image"] == 1
    path.write_text(json.dumps({"info": {}, "images": 5, "annotations": [{"image_id": 1}]}))
    with pytest.raises(HeadstartError, match="no list called images"):
        list(read_rows(str(path), Ledger()))


def test_an_image_that_is_listed_often_fills_no_memory(tmp_path):
    once = pa.array([IMAGE + bytes(1 << 20)])
    listed = pa.DictionaryArray.from_arrays(pa.array(np.zeros(9_600, np.int32)), once)
    parquet.write_table(pa.table({"image": listed}), tmp_path / "a.parquet", compression="zstd")
    bomb = pytest.raises(HeadstartError, match="looks like a bomb")
    with within("one image, listed often", mebibytes=900), bomb:  # all of them are 9.6 GiB
        list(read_rows(str(tmp_path / "a.parquet"), Ledger()))


def test_a_table_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    blank = pa.table({"image": [IMAGE + bytes(1 << 24)]})
    parquet.write_table(blank, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    assert len(list(read_rows(str(tmp_path / "a.parquet"), Ledger()))) == 1
    monkeypatch.setattr(row, "_BOMB", 1 << 23)
    with pytest.raises(HeadstartError, match="looks like a bomb"):
        list(read_rows(str(tmp_path / "a.parquet"), Ledger()))
